/*
 * replica-change: a shard's replicas go from [a, b, c] to [a, b, d] (packages/data-node/SPEC.md, R1-R4, for the seal;
 * the records are the region's). Transitions are those of replica/take-over, follow, lead and commit; tell is the
 * controller's record: replicas, prior replicas, leader, epoch.
 *
 * Holds (I15, I19, I40): an entry that was counted as committed is in the log of every later leader.
 * World: [a, b, c] first; then joint, [a, b, d] with prior [a, b, c], where a leader seals and commits by a quorum of
 * each; then, when the barrier of the joint record's leader is committed, [a, b, d] alone. Each record has a token of its
 * own, as has each other leader, told at any moment to one replica. That d follows as a learner before and has caught up is
 * asked for speed and not for safety: here it begins with nothing. Nobody is asked for more
 * seals and copies than are needed: further ones can only help.
 * A log is the position of its last entry: token and number under it. Which entries come before, the leader of that token
 * decided when it began: `base`. So a replica that accepts an entry has all before it, or fetches them in the same step.
 * Bounds: 4 tokens (the 3 records and 1 other leader), a barrier each, and a write of the joint leader. c, then b lead the
 * old, b and d the new replicas: a is as b. Wide: any. Disks lose nothing.
 *
 * mutant SWAP            the new replicas replace the old in one record
 * mutant SEAL_NEW_ONLY   the joint leader seals a quorum of the new replicas only
 * mutant COMMIT_OLD_ONLY the joint leader commits by a quorum of the old replicas only
 * mutant DROP_EARLY      the prior replicas are dropped before the joint leader's barrier is committed
 */
#ifndef WIDER
#define WIDER 0
#endif
#define R 4
#define TOKENS 5
#define A 1
#define B 2
#define C 4
#define D 8
#define OLD 0
#define JOINT 1
#define NEW 2
#define TWO(m, x, y, z) ((((m) & (x)) != 0) + (((m) & (y)) != 0) + (((m) & (z)) != 0) >= 2)
#define IN_OLD(m) TWO(m, A, B, C)
#define IN_NEW(m) TWO(m, A, B, D)
#ifdef SEAL_NEW_ONLY
#define SEALED(m, s) ((s) == OLD -> IN_OLD(m) : IN_NEW(m))
#else
#define SEALED(m, s) (((s) == NEW || IN_OLD(m)) && ((s) == OLD || IN_NEW(m)))
#endif
#ifdef COMMIT_OLD_ONLY
#define COMMITTED(m, s) ((s) == NEW -> IN_NEW(m) : IN_OLD(m))
#else
#define COMMITTED(m, s) (((s) == NEW || IN_OLD(m)) && ((s) == OLD || IN_NEW(m)))
#endif
#define WRITES(x) (set[x] == JOINT -> 2 : 1)
#define AT(t, k) ((t) * 3 + (k))
#define TOKEN(p) ((p) / 3)
#define SELF(t) (1 << leader[t])

byte promised[R], log[R];                  /* per replica: promise, position of its last entry                             */
byte last = 1;                             /* the newest token                                                             */
byte set[TOKENS], leader[TOKENS], role[TOKENS]; /* role: 0 not told yet, 1 told, 2 sealing, 3 leading                      */
byte votes[TOKENS], base[TOKENS], appended[TOKENS], acknowledged[TOKENS];
byte accepted[15];                         /* per position: replicas that accepted it from its leader                      */

/* Whether the log that the leader of x began with lacks what was acknowledged under u: up its lineage, to u or below.     */
#define UP(p, u) (TOKEN(p) > (u) -> base[TOKEN(p)] : (p))
#define LACKS(x, u) (role[x] == 3 && acknowledged[u] > 0 && \
  (UP(UP(base[x], u), u) < AT(u, acknowledged[u]) || TOKEN(UP(UP(base[x], u), u)) != u))

#define DROP(u, r, x) \
  if :: (u) < (x) && role[u] > 1 && leader[u] == r -> votes[u] = 0; accepted[AT(u, 1)] = 0; accepted[AT(u, 2)] = 0 :: else fi
inline promise(r, x) {                     /* the ratchet; what a leader under a lower token still counted is of no use        */
  promised[r] = x;
  DROP(1, r, x); DROP(2, r, x); DROP(3, r, x)
}
inline tell(node, next) {                  /* the next record                                                              */
  last + 1 < TOKENS && (next == OLD -> node < 3 : node != 2) &&
#ifdef SWAP
  (next == set[last] || next == NEW) && next != JOINT ->
#elif defined(DROP_EARLY)
  (next == set[last] || next == set[last] + 1) ->
#else
  (next == set[last] || (next == JOINT && set[last] == OLD) || (next == NEW && set[last] == JOINT && acknowledged[last] > 0)) ->
#endif
  last++; set[last] = next; leader[last] = node; role[last] = 1
}
inline startSealing(x) {
  role[x] == 1 && promised[leader[x]] < x ->
  promise(leader[x], x); role[x] = 2; votes[x] = SELF(x); base[x] = log[leader[x]]
}
inline chooseLog(x) {                      /* with a quorum it leads, and appends its barrier                              */
  role[x] = 3; votes[x] = 0; appended[x] = 1; log[leader[x]] = AT(x, 1); accepted[AT(x, 1)] = SELF(x)
}
inline onSealed(x, r) {                    /* a replica of either set, as long as one is needed                            */
  role[x] == 2 && promised[leader[x]] == x && !(votes[x] & (1 << r)) && !SEALED(votes[x], set[x]) && promised[r] <= x && (set[x] == OLD -> r != 3 : (set[x] == NEW -> r != 2 : true)) ->
  if :: promised[r] < x -> promise(r, x) :: else fi;
  votes[x] = votes[x] | (1 << r); base[x] = (log[r] > base[x] -> log[r] : base[x]);
  if :: SEALED(votes[x], set[x]) -> chooseLog(x) :: else fi
}
inline onWrite(x) {
  role[x] == 3 && promised[leader[x]] == x && appended[x] < WRITES(x) ->
  appended[x] = 2; log[leader[x]] = AT(x, 2); accepted[AT(x, 2)] = SELF(x)
}
inline advanceCommit(x) {                  /* as soon as it may: later, or never, acknowledges less                        */
  acknowledged[x]++; accepted[AT(x, acknowledged[x])] = 0
}
inline onAppend(x, r) {
  role[x] == 3 && promised[leader[x]] == x && acknowledged[x] < appended[x] && promised[r] <= x &&
  log[r] < AT(x, appended[x]) && (set[x] == OLD -> r != 3 : (set[x] == NEW -> r != 2 : true)) ->
  if :: promised[r] < x -> promise(r, x) :: else fi;
  log[r] = (log[r] < AT(x, 1) -> AT(x, 1) : AT(x, 2));
  accepted[log[r]] = accepted[log[r]] | (1 << r);
  if :: log[r] == AT(x, acknowledged[x] + 1) && COMMITTED(accepted[log[r]], set[x]) -> advanceCommit(x) :: else fi
}

#define EACH(x) \
  :: atomic { startSealing(x) } :: atomic { onWrite(x) } \
  :: atomic { onSealed(x, 0) } :: atomic { onSealed(x, 1) } :: atomic { onSealed(x, 2) } :: atomic { onSealed(x, 3) } \
  :: atomic { onAppend(x, 0) } :: atomic { onAppend(x, 1) } :: atomic { onAppend(x, 2) } :: atomic { onAppend(x, 3) }
#define TELL(n) :: atomic { tell(n, NEW) } :: atomic { tell(n, JOINT) }

active proctype World() {
  role[1] = 1;
#if WIDER
  if :: leader[1] = 0 :: leader[1] = 1 :: leader[1] = 2 fi;
#else
  leader[1] = 2;
#endif
end:
  do
  TELL(3) TELL(1) :: atomic { tell(1, OLD) }
#if WIDER
  TELL(0) :: atomic { tell(0, OLD) } :: atomic { tell(2, OLD) }
#endif
  EACH(4) EACH(3) EACH(2) EACH(1)
  :: atomic { LACKS(2, 1) || LACKS(3, 1) || LACKS(3, 2) || LACKS(4, 1) || LACKS(4, 2) || LACKS(4, 3) -> assert(false) }
  od
}
