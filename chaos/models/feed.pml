/*
 * feed: a follower of a stream whose bus loses, repeats and reorders (packages/feed/SPEC.md). Transitions are those of
 * follower-core: update, settle, beacon, tick, snapshotArrived, resync.
 *
 * Holds (F2): the view is the replay of all commits up to its position. (F3): its position never falls.
 * (F7): when nothing is left to happen, the view is that of the last commit.
 * World: a store that is restored once from a backup, and so has two incarnations; revisions that nothing is published
 * at; any update may come at any later time, again and again, or be lost; any beacon likewise, but the last is not lost for ever.
 * Bounds: revisions to 3, 4 updates. The silence timer is left out: a bus that carries other updates is never silent.
 *
 * mutant NO_GAP          an update is applied over a gap
 * mutant NO_BEACON       beacons are not heard
 * mutant OLDER_SNAPSHOT  a snapshot below the floor is accepted
 * mutant NO_INCARNATION  positions are compared by revision alone
 */
#define UPDATES 4
#define AT(i, r) ((i) * 4 + (r))
#define WAITING 0
#define FETCHING 1
#define FOLLOWING 2

byte incarnation, revision, published;   /* the store; position of its last published update                      */
byte truth[8];                           /* per position: set of the updates that its state is the replay of       */
byte count;                              /* updates so far; each has an id, a position and a previous one          */
byte where[UPDATES], previous[UPDATES], onBus;
byte state = WAITING, view, held;        /* the follower: updates replayed in the view, updates held               */
byte hereI, hereR, floorI, floorR; bool tail;
byte k;

#define INC(u) (where[u] / 4)
#define REV(u) (where[u] % 4)
#ifdef NO_INCARNATION
#define OLDER(i) false
#define NEWER(i) false
#else
#define OLDER(i) ((i) < hereI)
#define NEWER(i) ((i) > hereI)
#endif

inline commit() {
  revision < 3 && count < UPDATES ->
  truth[AT(incarnation, revision + 1)] = truth[AT(incarnation, revision)] | (1 << count);
  revision++; where[count] = AT(incarnation, revision); previous[count] = published; published = revision;
  onBus = onBus | (1 << count); count++
}
inline consume() {                       /* a revision that nothing is published at: an election                  */
  revision < 3 && count < UPDATES -> truth[AT(incarnation, revision + 1)] = truth[AT(incarnation, revision)]; revision++
}
inline restore(to) {
  incarnation == 0 && to < revision ->
  incarnation = 1; k = 0;
  do :: k <= to -> truth[AT(1, k)] = truth[AT(0, k)]; k++ :: else -> break od;
  k = 0; revision = to; published = to
}
inline lose(u) { onBus & (1 << u) -> onBus = onBus & ~(1 << u) }
inline resync() {
  state = WAITING; tail = false;
  if :: hereI > floorI || (hereI == floorI && hereR > floorR) -> floorI = hereI; floorR = hereR :: else fi
}
inline settle() {                        /* held updates are in order: ids rise with positions                    */
  k = 0;
  do
  :: k < UPDATES && state == FOLLOWING ->
     if
     :: !(held & (1 << k))
     :: else ->
        if
        :: OLDER(INC(k)) || (!NEWER(INC(k)) && REV(k) <= hereR) -> held = held & ~(1 << k)
        :: NEWER(INC(k)) -> resync()
        :: else ->
           if
#ifndef NO_GAP
           :: previous[k] > hereR         /* gap: stays held                                                      */
#endif
#ifdef NO_GAP
           :: true ->
#else
           :: previous[k] <= hereR ->
#endif
              held = held & ~(1 << k); view = view | (1 << k); hereI = INC(k); hereR = REV(k);
              assert(view == truth[AT(hereI, hereR)])
           fi
        fi
     fi;
     k++
  :: else -> break
  od;
  k = 0
}
inline update(u) {                       /* in any state: waiting and fetching queue it                           */
  (onBus & (1 << u)) && !(held & (1 << u)) && !OLDER(INC(u)) && (NEWER(INC(u)) || REV(u) > hereR) ->
  held = held | (1 << u);
  if :: state == FOLLOWING -> settle() :: else fi
}
inline beacon(i, b) {                    /* any that was ever true; those that change nothing are left out         */
  state == FOLLOWING && (i < incarnation || (i == incarnation && b <= revision)) && !OLDER(i) &&
  (NEWER(i) || (b > hereR && (!tail || truth[AT(i, b)] == view)) || (b == hereR && truth[AT(i, b)] != view)) ->
  if
  :: NEWER(i) -> resync()
  :: !NEWER(i) && truth[AT(i, b)] == view -> hereI = i; hereR = b; tail = false; settle()
  :: !NEWER(i) && truth[AT(i, b)] != view && b > hereR -> tail = true
  :: else -> view = 0; hereI = 0; hereR = 0; resync()
  fi
}
inline tick() { state == FOLLOWING && (held != 0 || tail) -> resync() }
inline fetch() { state == WAITING -> state = FETCHING }
inline snapshotArrived(i, r) {           /* of now or of any time before                                          */
  state == FETCHING && (i < incarnation || (i == incarnation && r <= revision)) ->
  if
#ifdef OLDER_SNAPSHOT
  :: true ->
#else
  :: i > floorI || (i == floorI && r >= floorR) ->
#endif
     assert(i > floorI || (i == floorI && r >= floorR));
     state = FOLLOWING; view = truth[AT(i, r)]; hereI = i; hereR = r; settle()
#ifndef OLDER_SNAPSHOT
  :: else -> state = WAITING
#endif
  fi
}

active proctype World() {
end:
  do
  :: atomic { commit() }
  :: atomic { consume() }
  :: atomic { restore(1) }    :: atomic { restore(2) }
  :: atomic { lose(0) }       :: atomic { lose(1) }   :: atomic { lose(2) }   :: atomic { lose(3) }
  :: atomic { update(0) }     :: atomic { update(1) } :: atomic { update(2) } :: atomic { update(3) }
#ifndef NO_BEACON
  :: atomic { beacon(0, 0) }  :: atomic { beacon(0, 1) } :: atomic { beacon(0, 2) } :: atomic { beacon(0, 3) }
  :: atomic { beacon(1, 0) }  :: atomic { beacon(1, 1) } :: atomic { beacon(1, 2) } :: atomic { beacon(1, 3) }
#endif
  :: atomic { tick() }
  :: atomic { fetch() }
  :: atomic { snapshotArrived(0, 0) } :: atomic { snapshotArrived(0, 1) }
  :: atomic { snapshotArrived(0, 2) } :: atomic { snapshotArrived(0, 3) }
  :: atomic { snapshotArrived(1, 1) } :: atomic { snapshotArrived(1, 2) } :: atomic { snapshotArrived(1, 3) }
  :: atomic { timeout -> assert(state == FOLLOWING && view == truth[AT(incarnation, revision)]); break }
  od
}
