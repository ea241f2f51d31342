/*
 * transfer: a planned transfer of a range from the region that owns it to one that follows it (packages/topology/SPEC.md;
 * region ownership 4.1.7, range moves 4.8). Transitions: beginTransfer, freezeTransfer, commitTransfer, abortTransfer of
 * G's record; freezePage, thawPage, lead of the source region's controller; seal, write, barrier of its leaders;
 * collect, check of a driver; serve of the target.
 *
 * Holds (I32): the source acknowledges nothing once G has committed the transfer, and the target, when it begins to
 * serve, holds all that was acknowledged. (I33, J7, J8): when nothing is left to happen, no transfer is in flight, and no
 * page of the source is frozen for one that has ended.
 * World: two drivers, either of which may take any step at any time, also on what it read long ago; each of G's arrows is
 * one transaction that compares status and transfer. A controller of the source with a view of G that lags, and one more
 * controller, whose view may lag further. Every freeze, thaw and change of leader raises the page's epoch, so a token
 * tells whether its shard is frozen; only the highest token that a quorum has sealed can acknowledge. A leader answers the
 * index of its barrier, behind which it refuses. Standby replicas follow the log all the time.
 * Bounds: 2 transfers, 2 writes, 1 change of leader, 1 of controller, one shard, one replica at the target. Wide:
 * one write and one change of leader more.
 *
 * mutant THAW_BEFORE_ABORT     the page is thawed because a driver means to abort
 * mutant THAW_BY_TIMER         the page is thawed after a time
 * mutant THAW_FROM_STALE_VIEW  the page is thawed from a view of G below the revision it was frozen from
 * mutant REFREEZE_STALE        a freeze is replaced by that of an older view
 * mutant BLIND_COMMIT          the commit puts the new owner, and compares nothing
 * mutant BARRIER_BEFORE_FREEZE a leader that still takes writes answers a barrier
 * mutant SERVE_AT_COPY_END     the target serves when it has all up to the barrier
 * mutant FREEZE_NOT_INHERITED  a new leader does not know of the page's freeze
 * mutant NO_RECONCILE          the page is thawed when an abort is told, and nobody looks whether one was
 */
#ifndef WIDER
#define WIDER 0
#endif
#define ACTIVE 0
#define MOVING 1
#define FROZEN 2
#define SOURCE 1
#define TARGET 2
#define WRITES_MAX (2 + WIDER)
#define TRANSFERS_MAX 2
#define REVISIONS 7
#define EPOCHS (14 + 2 * WIDER)

byte revision, transfers;                /* G: at each revision status, transfer and owner                                 */
byte status[REVISIONS], op[REVISIONS], owner[REVISIONS];
byte gotOp[2], got[2]; bool checked[2];  /* driver: barrier collected, its index; the target has it                        */
byte view; bool succeeded;               /* source's controller: revision of G it has applied                              */
byte pageOp, pageRevision;               /* its page: freeze                                                               */
byte epoch = 1, sealed = 1, frozenFor[EPOCHS]; byte ledAnew;
byte written, copied;                    /* acknowledged by the source; held by the target                                 */
bool serving;
byte told, heard;                        /* transfer whose end, or coming end, was told to the source; and acted upon      */

#define NOW_STATUS status[revision]
#define NOW_OP op[revision]
#define NOW_OWNER owner[revision]

inline put(s, o, w) { revision++; status[revision] = s; op[revision] = o; owner[revision] = w }
inline beginTransfer() {
  NOW_STATUS == ACTIVE && NOW_OWNER == SOURCE && transfers < TRANSFERS_MAX ->
  transfers++; put(MOVING, transfers, SOURCE)
}
inline freezeTransfer() { NOW_STATUS == MOVING -> put(FROZEN, op[revision - 1], SOURCE) }
inline abortTransfer() {
  NOW_STATUS != ACTIVE ->
#ifdef NO_RECONCILE
  told = NOW_OP;
#endif
  put(ACTIVE, 0, SOURCE)
}
inline commitTransfer(d) {
#ifdef BLIND_COMMIT
  checked[d] && NOW_OWNER == SOURCE && revision + 1 < REVISIONS ->
#else
  checked[d] && NOW_STATUS == FROZEN && NOW_OP == gotOp[d] ->
#endif
  put(ACTIVE, 0, TARGET); checked[d] = false; gotOp[d] = 0; got[d] = 0
}
inline collect(d) {                      /* from the leader under the highest sealed token                                 */
#ifdef BARRIER_BEFORE_FREEZE
  NOW_STATUS == FROZEN && gotOp[d] != NOW_OP -> gotOp[d] = NOW_OP;
#else
  frozenFor[sealed] != 0 && gotOp[d] != frozenFor[sealed] -> gotOp[d] = frozenFor[sealed];
#endif
  got[d] = written; checked[d] = false
}
inline check(d) {
  gotOp[d] != 0 && !checked[d] && copied >= got[d] -> checked[d] = true
}
inline applyView() { view < revision -> view++ }
inline succeed(v) {                      /* another controller, with a view of its own                                     */
  !succeeded && v <= revision -> succeeded = true; view = v
}
inline turn(freeze) { epoch++; frozenFor[epoch] = freeze }
inline freezePage() {                    /* after reading the range frozen at G                                            */
#ifdef REFREEZE_STALE
  status[view] == FROZEN && pageOp != op[view] ->
#else
  status[view] == FROZEN && pageOp != op[view] && view >= pageRevision ->
#endif
  pageOp = op[view]; pageRevision = view; turn(pageOp)
}
inline thawPage() {                      /* from a view that knows of the freeze, and shows its transfer dead              */
#ifdef THAW_BY_TIMER
  pageOp != 0 && (epoch < 4 || (view >= pageRevision && op[view] != pageOp && owner[view] == SOURCE)) ->
#elif defined(THAW_BEFORE_ABORT)
  pageOp != 0 && ((told == pageOp && heard < told) || (view >= pageRevision && op[view] != pageOp && owner[view] == SOURCE)) ->
#elif defined(THAW_FROM_STALE_VIEW)
  pageOp != 0 && op[view] != pageOp && owner[view] == SOURCE ->
#elif defined(NO_RECONCILE)
  pageOp != 0 && told == pageOp && view >= pageRevision && op[view] != pageOp && owner[view] == SOURCE ->
#else
  pageOp != 0 && view >= pageRevision && op[view] != pageOp && owner[view] == SOURCE ->
#endif
  heard = told; pageOp = 0; pageRevision = 0; turn(0)
}
inline lead() {                          /* another leader, named by the same page                                         */
  ledAnew < 1 + WIDER -> ledAnew++;
#ifdef FREEZE_NOT_INHERITED
  turn(0)
#else
  turn(pageOp)
#endif
}
inline seal() { sealed < epoch -> sealed = epoch }
inline write() {
  frozenFor[sealed] == 0 && written < WRITES_MAX -> assert(NOW_OWNER == SOURCE); written++
}
inline follow() { copied < written -> copied++ }
inline serve() {                         /* after reading its own ownership at G                                           */
#ifdef SERVE_AT_COPY_END
  !serving && (NOW_OWNER == TARGET || checked[0] || checked[1]) -> serving = true; assert(NOW_OWNER == TARGET);
#else
  !serving && NOW_OWNER == TARGET -> serving = true;
#endif
  assert(copied == written)
}

#define EACH(d) :: atomic { collect(d) } :: atomic { check(d) } :: atomic { commitTransfer(d) }

active proctype World() {
  owner[0] = SOURCE;
  do
  :: atomic { beginTransfer() }
  :: atomic { freezeTransfer() }
  :: atomic { applyView() }
  :: atomic { freezePage() }
  :: atomic { seal() }
  EACH(0)
  EACH(1)
  :: atomic { thawPage() }
  :: atomic { lead() }
  :: atomic { write() }
  :: atomic { follow() }
  :: atomic { serve() }
  :: atomic { abortTransfer() }
  :: atomic { succeed(0) } :: atomic { succeed(1) } :: atomic { succeed(2) } :: atomic { succeed(3) }
  :: atomic { succeed(4) } :: atomic { succeed(5) }
#ifdef THAW_BEFORE_ABORT
  :: atomic { NOW_STATUS != ACTIVE && told < NOW_OP -> told = NOW_OP }
#endif
#ifdef NO_RECONCILE
  :: atomic { told != 0 -> told = 0 }    /* lost                                                                           */
#endif
  :: atomic { timeout ->
       assert(NOW_STATUS == ACTIVE && (NOW_OWNER == TARGET -> serving : pageOp == 0 && sealed == epoch)); break }
  od
}
