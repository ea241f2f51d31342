/*
 * standstill: G is broken, and the owner of a range goes on because every other failover authority has promised not to
 * take it (safety of region ownership: 4.1.6). Transitions: ask, promise, promised of owner and authorities; acquire,
 * takeOver of an authority; start of a new one.
 *
 * Holds (I10, I42): the owner acknowledges nothing on promises once another region has taken the range.
 * World: two regions that may take over, each with a store E of its own, in which a promise stands before it is
 * answered, and one authority process at a time, which may end and be followed by another at any moment. G may be back,
 * and a transaction for it be decided and under way, at any moment; silence of the owner has been long enough always.
 * Whoever means to take writes that into E first, and E orders it with the promises: a promise is refused while there
 * is an intent, an intent while there is a promise that its writer has not waited out. Without it, a takeover that is
 * decided, and perhaps in the log of G, commits after a promise that was given meanwhile: G itself cannot compare it.
 * Bounds: a promise of 2 ticks, waits of 3, an authority's clock ahead by up to 1 tick in all, 5 ticks, 2 promises and
 * 1 new process per region. Wide: two ticks more.
 *
 * mutant NO_MARGIN         an authority waits the promised time itself, with no room for drift
 * mutant MAJORITY          one other authority is enough
 * mutant PROMISE_FORGOTTEN a new process knows nothing of promises before it
 * mutant FROM_RECEIPT      the owner counts from the answer
 * mutant CHECK_THEN_TAKE   the intent is not written: a promise may follow the decision
 */
#ifndef WIDER
#define WIDER 0
#endif
#define D 2
#ifdef NO_MARGIN
#define WAIT 2
#else
#define WAIT 3
#endif
#define T_MAX (5 + 2 * WIDER)
#define PROMISES_MAX 2
#define AUTHORITIES 2

byte now, fast[AUTHORITIES];
bool taken;
byte stage[AUTHORITIES], sent[AUTHORITIES], until[AUTHORITIES]; /* owner's question: 1 asked, 2 answered; its promises     */
bool intent[AUTHORITIES];                                       /* E: what the region is about to do                       */
byte promises[AUTHORITIES];                                     /* E: how many promises, ever                              */
byte holdUntil[AUTHORITIES];                                    /* the process: not before this, on its clock              */
bool restarted[AUTHORITIES], decided[AUTHORITIES];              /* decided: its transaction may reach G at any time        */

inline ask(r) {
  stage[r] == 0 && now < T_MAX && promises[r] < PROMISES_MAX -> sent[r] = now; stage[r] = 1
}
inline promise(r) {              /* in E before it is answered; the wait begins with it                                    */
#ifdef CHECK_THEN_TAKE
  stage[r] == 1 ->
#else
  stage[r] == 1 && !intent[r] ->
#endif
  promises[r]++; holdUntil[r] = now + fast[r] + WAIT; stage[r] = 2
}
inline promised(r) {
  stage[r] == 2 ->
#ifdef FROM_RECEIPT
  until[r] = now + D;
#else
  until[r] = (sent[r] + D > until[r] -> sent[r] + D : until[r]);
#endif
  stage[r] = 0; sent[r] = 0
}
inline lost(r) { stage[r] > 0 -> stage[r] = 0; sent[r] = 0 }
inline start(r) {                /* waits the whole time from its own start: it cannot know when a promise was given      */
  !restarted[r] && now < T_MAX -> restarted[r] = true;
#ifdef PROMISE_FORGOTTEN
  holdUntil[r] = 0
#else
  if :: promises[r] > 0 -> holdUntil[r] = now + fast[r] + WAIT :: else fi
#endif
}
inline acquire(r) {               /* one transaction at E: no promise but those waited out                                  */
  !decided[r] && !taken && now + fast[r] >= holdUntil[r] -> decided[r] = true; intent[r] = true
}
inline takeOver(r) {             /* at G, whatever has happened since                                                      */
  decided[r] && !taken -> taken = true
}
inline tick() {
  now < T_MAX ->
  now++;
  if :: until[0] <= now -> until[0] = 0 :: else fi;
  if :: until[1] <= now -> until[1] = 0 :: else fi;
  if :: holdUntil[0] <= now + fast[0] -> holdUntil[0] = 0 :: else fi;
  if :: holdUntil[1] <= now + fast[1] -> holdUntil[1] = 0 :: else fi
}

#define EACH(r) \
  :: atomic { fast[r] < 1 -> fast[r]++ } \
  :: atomic { ask(r) } :: atomic { promise(r) } :: atomic { promised(r) } :: atomic { lost(r) } \
  :: atomic { start(r) } :: atomic { acquire(r) } :: atomic { takeOver(r) }

#ifdef MAJORITY
#define GOES_ON (now < until[0] || now < until[1])
#else
#define GOES_ON (now < until[0] && now < until[1])
#endif

active proctype World() {
  do
  :: atomic { tick() }
  EACH(0)
  EACH(1)
  :: atomic { taken && GOES_ON -> assert(false) }
  :: now == T_MAX -> break
  od
}
