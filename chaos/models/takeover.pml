/*
 * takeover: the ranges of a silent region go to another one, in batches, while the region may come back at any time.
 * Transitions: renew, commitRenewal, renewed, adopt, confirm of region-agent and region-lease; observed, looked, declare
 * and take of takeover-core.
 *
 * Holds (I6, I10): no region serves range X under generation 1 once G has committed generation 2.
 * Holds (I12): whoever is taken from could have renewed, because G worked, for W_R less drift and one unnoticed gap.
 * World: a region, of whose ranges X is one; its record at G, {term, counter, status}; two authorities that know
 * nothing of each other (an election among them is for calm), of which one may go on with what the other began. What an
 * agent vouches for is confirmed from any view of G at or after its renewal. G may be out of order, all messages be lost.
 * The record is only ever compared with itself, so what is kept is whether the comparison holds: true from the read on,
 * false from the next write on. A decision and its commit are one step: a commit that comes later waited longer.
 * Bounds: lease 2 ticks, wait 3, an authority's clock ahead by up to 1 tick in all, 5 ticks, 2 renewals, one outage of
 * G, with an election of its leader or without; without one it is noticed when reads fail for 2 ticks. Wide: one tick and
 * one renewal more.
 *
 * mutant NO_MARGIN              the authority waits the lease itself, with no room for drift
 * mutant NO_COMPARE             the term is taken without comparing the record with what was observed
 * mutant SILENCE_THROUGH_OUTAGE time in which G did not work counts as silence of the region
 * mutant UNGUARDED_RANGE        a batch compares its range only, not the region's record
 * mutant TERM_ONLY              a batch compares the term, and not that the region is still silent under it
 * mutant POOLED                 a returned region's lease covers all it ever owned: no confirmation per range
 */
#ifndef WIDER
#define WIDER 0
#endif
#define L_R 2
#ifdef NO_MARGIN
#define W_R 2
#else
#define W_R 3
#endif
#define GAP 1                    /* longest pause between an authority's reads of G, in its ticks, that breaks nothing */
#define T_MAX (5 + WIDER)
#define RENEWALS_MAX (2 + WIDER)

byte now, fast;                  /* real time, which the holders' clocks follow; what the authorities' are ahead by    */
bool up = true, failed;          /* G; whether it has failed before                                                    */
byte couldRenew;                 /* ghost: ticks since the last renewal in which G worked                              */
bool silent, taken;              /* the region's record: status; X under generation 2                                  */

bool known = true, knownTerm = true;             /* the region's agent: the record, its term, are as it knows them     */
byte stage, sent, renewals;                      /* renewal in flight: 0 none, 1 on its way, 2 committed, 3 refused    */
bool late, grantLate;                            /* committed, granted after X was taken                               */
byte grant, until;                               /* 1 + when the newest renewal was sent; how long nodes may serve X   */

byte step[2];                                    /* an authority: 0 idle, 1 counts silence, 2 takes ranges             */
bool same[2], sameLeader[2], mine[2];            /* the record, G's leader, the term are as it knows them              */
byte seenAt[2], probedAt[2];                     /* on its own clock                                                   */

inline wrote() { known = false; same[0] = false; same[1] = false }
inline renew() {                 /* the clock is read before sending                                                   */
  stage == 0 && renewals < RENEWALS_MAX && now < T_MAX -> sent = now; stage = 1; renewals++
}
inline commitRenewal() {         /* the record as known, or nothing; under a new term it makes the region live again   */
  stage == 1 && up ->
  if
  :: known -> wrote(); known = true; silent = false; couldRenew = 0; late = taken; stage = 2
  :: else -> stage = 3; sent = 0
  fi
}
inline renewed() {
  stage == 2 -> grant = sent + 1; grantLate = late; stage = 0; sent = 0; late = false
}
inline adopt() {                 /* a new term revokes what the old one granted                                        */
  stage == 3 && up ->
  if :: !knownTerm -> grant = 0; grantLate = false :: else fi;
  knownTerm = true; known = true; stage = 0
}
inline lost() {                  /* a renewal before it was committed, its answer, or the agent itself                 */
  stage > 0 -> known = (stage == 2 -> false : known); stage = 0; sent = 0; late = false
}
inline confirm() {               /* X under generation 1, from a view of G at or after the renewal                     */
#ifdef POOLED
  grant > 0 && grant - 1 + L_R > until -> until = grant - 1 + L_R
#else
  grant > 0 && grant - 1 + L_R > until && !grantLate -> until = grant - 1 + L_R
#endif
}
inline reset(a) {
  step[a] = 0; same[a] = false; sameLeader[a] = false; mine[a] = false; seenAt[a] = 0; probedAt[a] = 0
}
inline observed(a) {             /* a linearizable read starts the wait, or finds what another began                   */
  step[a] == 0 && up && now < T_MAX && !taken ->
  if
  :: !silent -> step[a] = 1; same[a] = true; sameLeader[a] = true; seenAt[a] = now + fast; probedAt[a] = now + fast
  :: silent -> step[a] = 2; same[a] = true; mine[a] = true
  fi
}
inline looked(a) {               /* the next one: silence goes on only if nothing speaks against it                     */
  step[a] == 1 && up && (probedAt[a] != now + fast || !same[a] || !sameLeader[a]) ->
  if
#ifdef NO_COMPARE
  :: (!sameLeader[a] || now + fast > probedAt[a] + GAP) -> reset(a)
  :: sameLeader[a] && now + fast <= probedAt[a] + GAP -> probedAt[a] = now + fast
#elif defined(SILENCE_THROUGH_OUTAGE)
  :: !same[a] -> reset(a)
  :: same[a] -> probedAt[a] = now + fast; sameLeader[a] = true
#else
  :: (!same[a] || !sameLeader[a] || now + fast > probedAt[a] + GAP) -> reset(a)
  :: same[a] && sameLeader[a] && now + fast <= probedAt[a] + GAP -> probedAt[a] = now + fast
#endif
  fi
}
inline declare(a) {              /* one transaction: the record as observed, then term + 1 and silent                  */
#ifdef NO_COMPARE
  step[a] == 1 && up && probedAt[a] == now + fast && sameLeader[a] && now + fast >= seenAt[a] + W_R ->
#else
  step[a] == 1 && up && probedAt[a] == now + fast && sameLeader[a] && now + fast >= seenAt[a] + W_R && same[a] ->
#endif
  assert(couldRenew + 1 + GAP >= W_R);
  wrote(); silent = true; knownTerm = false; mine[0] = false; mine[1] = false;
  reset(a); step[a] = 2; same[a] = true; mine[a] = true
}
inline take(a) {                 /* a batch: the ranges as they were, and the region's record                          */
#ifdef UNGUARDED_RANGE
  step[a] == 2 && up && !taken ->
#elif defined(TERM_ONLY)
  step[a] == 2 && up && !taken && mine[a] ->
#else
  step[a] == 2 && up && !taken && same[a] ->
#endif
  taken = true; reset(0); reset(1)
}
inline giveUp(a) {               /* a batch refused, or the process gone                                               */
  step[a] > 0 -> reset(a)
}
inline tick() {                  /* what has ended is forgotten: it makes no difference any more                       */
  now < T_MAX ->
  now++;
  if :: up && couldRenew < W_R -> couldRenew++ :: else fi;
  if :: until <= now -> until = 0 :: else fi;
  if :: grant > 0 && grant - 1 + L_R <= now -> grant = 0; grantLate = false :: else fi
}

#define EACH(a) \
  :: atomic { observed(a) } :: atomic { looked(a) } :: atomic { declare(a) } \
  :: atomic { take(a) } :: atomic { giveUp(a) }

active proctype World() {
  do
  :: atomic { tick() }
  :: atomic { fast < 1 -> fast++ }
  :: atomic { up && !failed -> up = false; failed = true }
  :: atomic { !up -> up = true }
  :: atomic { !up -> up = true; sameLeader[0] = false; sameLeader[1] = false }
  :: atomic { renew() }
  :: atomic { commitRenewal() }
  :: atomic { renewed() }
  :: atomic { adopt() }
  :: atomic { lost() }
  :: atomic { confirm() }
  EACH(0)
  EACH(1)
  :: atomic { taken && now < until -> assert(false) }   /* serves X under 1, and 2 exists                              */
  :: now == T_MAX -> break
  od
}
