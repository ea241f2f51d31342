/*
 * hand-over: a shard taken from a leader that lives and goes on renewing (packages/region/SPEC.md, R6). Transitions are
 * those of renewal-batcher, page-plan (vacate, lead) and controller-core (holdsOfUnknownPast, isCleared).
 *
 * Holds (R6, I9): once another leader may acknowledge, the old one answers no lease read any more.
 * World: one old leader with a renewal in flight; controller 1, which takes the shard at R; controller 2, whose
 * election key stands in the queue before or after R, and which may be elected at any time; a view that lags.
 * Bounds: node lease 2 ticks, wait 2 (drift is checked in region-lease), 4 ticks, 2 renewals, one controller change.
 *
 * mutant UNCHECKED_EXTENSION    a renewal is answered with a lease whatever the node has applied
 * mutant ASSIGN_AT_ONCE         the second commit waits for nothing
 * mutant FLOOR_IS_ELECTION      the floor is the election token, not the first commit
 * mutant NO_HOLD_AFTER_ELECTION a leaderless shard found at the election is led at once
 * mutant ANSWER_UNAPPLIED       a renewal is answered before this server has applied its commit
 * mutant FROM_RECEIPT           the node counts its lease from the answer
 */
#define L_N 2
#define W_N 2
#define T_MAX 4
#define RENEWALS_MAX 2

byte now, revision = 1;
byte controller = 1, token = 0, floor = 1; /* token: revision at which controller 2's key was created            */
byte viewRevision = 1;                     /* what the controller has applied; removals are seen by it            */
byte viewOpened = 1;                       /* removals before it are not known as such                            */
byte removal;                              /* R: first commit of the hand-over, 0 before                          */
bool held, assigned; byte heldSince;       /* the hold on the shard; second commit                                */
byte suspectRevision, reported;            /* what clears the hold; applied revision, as renewed                  */
byte applied = 1, validUntil;              /* node                                                                */
byte stage, sent, sentApplied, committedAt, committedBy, renewals; /* renewal: 1 sent, 2 committed               */
byte required;

inline renew() {
  stage == 0 && renewals < RENEWALS_MAX && now < T_MAX -> sent = now; sentApplied = applied; stage = 1; renewals++
}
inline commitRenewals() {        /* guarded by the election key: only the controller of now                       */
  stage == 1 ->
  revision++; committedAt = revision; committedBy = controller; stage = 2;
  reported = (sentApplied > reported -> sentApplied : reported)
}
inline answerOne() {             /* a controller that was replaced before it answers is modelled by `lost`         */
#ifdef ANSWER_UNAPPLIED
  stage == 2 && committedBy == controller ->
#else
  stage == 2 && committedBy == controller && viewRevision >= committedAt ->
#endif
  required = floor;
  if :: removal > viewOpened && removal <= viewRevision && removal > floor -> required = removal :: else fi;
  if
#ifdef UNCHECKED_EXTENSION
  :: true ->
#else
  :: sentApplied >= required ->
#endif
#ifdef FROM_RECEIPT
     validUntil = now + L_N
#else
     validUntil = (sent + L_N > validUntil -> sent + L_N : validUntil)
#endif
  :: sentApplied < required      /* UNAVAILABLE, detail `behind`                                                 */
  fi;
  required = 0; stage = 0; sent = 0; sentApplied = 0; committedAt = 0; committedBy = 0
}
inline lost() {                  /* the answer, or the request before it was committed                           */
  stage > 0 -> stage = 0; sent = 0; sentApplied = 0; committedAt = 0; committedBy = 0
}
inline hear() {                  /* the node's assignments: it stops leading with the revision that says so       */
  applied < revision -> applied++
}
inline applyView() {
  viewRevision < revision -> viewRevision++
}
inline vacate() {                /* first commit: nobody leads                                                    */
  removal == 0 && now < T_MAX ->
  revision++; removal = revision; suspectRevision = removal; held = true; heldSince = now
}
inline campaign() {              /* controller 2's key is created: a place in the queue                           */
  token == 0 -> revision++; token = revision
}
inline elect() {                 /* the key before is gone; the view is opened, then the first commit             */
  controller == 1 && token > 0 && now < T_MAX ->
  controller = 2; viewOpened = revision; viewRevision = revision; revision++;
#ifdef FLOOR_IS_ELECTION
  floor = token;
#else
  floor = revision;
#endif
  held = false; heldSince = 0; suspectRevision = 0;
#ifndef NO_HOLD_AFTER_ELECTION
  if :: removal > 0 && !assigned -> held = true; heldSince = now; suspectRevision = floor :: else fi;
#endif
  reported = 0                   /* a new controller has heard no report yet                                     */
}
inline lead() {                  /* second commit: the target leads                                               */
#ifdef ASSIGN_AT_ONCE
  removal > 0 && !assigned ->
#else
  removal > 0 && !assigned && (!held || now >= heldSince + W_N || reported >= suspectRevision) ->
#endif
  revision++; assigned = true
}

active proctype World() {
  do
  :: atomic { now < T_MAX -> now++ }
  :: atomic { renew() }
  :: atomic { commitRenewals() }
  :: atomic { answerOne() }
  :: atomic { lost() }
  :: atomic { hear() }
  :: atomic { applyView() }
  :: atomic { vacate() }
  :: atomic { campaign() }
  :: atomic { elect() }
  :: atomic { lead() }
  /* the old leader still leads by all it knows, and answers a lease read                                         */
  :: atomic { assigned && applied < removal && now < validUntil -> assert(false) }
  :: now == T_MAX -> break
  od
}
