/*
 * region-lease: may a node still serve a range of its region? Transitions are those of packages/global
 * (region-agent, region-lease) and of the node's LeaseClock and RegionLeases; the taker's own rules are in takeover.
 *
 * Holds (I6, I10): no node serves range X under generation 1 once G has committed generation 2.
 * World: an agent with its renewals and a view of G that lags, and a sibling that renews too; a node that asks it;
 * one taker that waits W for a counter that stands still, then commits the term, then the range.
 * Bounds: lease 2 ticks, wait 3, taker's clock fast by up to 1 tick in all, 2 renewals, 5 ticks, one question in
 * flight, one renewal in flight. The region comes back and renews under the new term, for other ranges.
 *
 * mutant FROM_RECEIPT      an agent counts its lease from the acknowledgement, not from the send
 * mutant FULL_TERM         the node is answered a whole lease, whatever the region has left
 * mutant POOLED            the region's lease covers what it ever owned: no confirmation per (range, generation)
 * mutant NEWEST_RENEWAL    the view is asked, but the newest renewal counts, also one that the view does not include
 * mutant NO_MARGIN         the taker waits the lease itself, with no room for drift
 * mutant NO_COMPARE        the taker commits its term without comparing the counter
 * mutant UNGUARDED_RANGE   the taker's second commit compares the range only, not the region's record
 * mutant NODE_FROM_RECEIPT an answer to the node grants from the node's receipt, not from its question
 */
#define L_R 2
#ifdef NO_MARGIN
#define W_R 2
#else
#define W_R 3
#endif
#define T_MAX 5
#define RENEWALS_MAX 2
#define REVISIONS 6             /* 1, then at most two renewals and two commits of the taker                    */

byte now, fast;                  /* real time, which the holders' clocks follow; what the taker's is ahead by     */
byte revision = 1, renewals;
byte term = 1, counter;          /* the region's record in G                                                     */
byte generation = 1, takenAt;    /* range X; the revision at which it was taken, 0 before                        */

byte knownTerm = 1;           /* agent: record as known (a refused renewal adopts the one that is there)   */
byte knownCounter;
byte viewRevision = 1;
byte sent, stage;          /* renewal in flight: 0 none, 1 on its way, 2 committed, 3 refused              */
byte committedAt;
byte sentOf[REVISIONS];                 /* per revision: 1 + when the renewal committed there was sent          */

byte askedAt, asking;            /* node: question in flight: 0 none, 1 asked, 2 answered                         */
byte remaining, regionUntil;     /* node                                                                          */
byte seen, seenAt, takerStep;    /* taker: 0 idle, 1 counts silence, 2 term committed, 3 range committed          */
byte r, best;

inline renew() {                /* RegionAgent.renew: the clock is read before sending                           */
  stage == 0 && renewals < RENEWALS_MAX && now < T_MAX -> sent = now; stage = 1; renewals++
}
inline commitRenewal() {        /* the transaction at G: guarded by the record as last known                     */
  stage == 1 ->
  if
  :: knownTerm == term && knownCounter == counter ->
     counter++; revision++; committedAt = revision; knownCounter = counter; stage = 2
  :: else -> stage = 3
  fi
}
inline siblingRenewed() {        /* another agent of the region: what it may vouch for is like ours                */
  renewals < RENEWALS_MAX -> counter++; revision++; renewals++
}
inline renewed() {              /* RegionLease.renewed                                                           */
  stage == 2 ->
#ifdef FROM_RECEIPT
  sentOf[committedAt] = now + 1;
#else
  sentOf[committedAt] = sent + 1;
#endif
  stage = 0; sent = 0; committedAt = 0
}
inline adopt() {                /* refused: adopt the record; a new term revokes what the old one granted         */
  stage == 3 ->
  if
  :: knownTerm != term -> r = 0; do :: r < REVISIONS -> sentOf[r] = 0; r++ :: else -> break od; r = 0
  :: else
  fi;
  knownTerm = term; knownCounter = counter; stage = 0; sent = 0
}
inline observe() {              /* the view of G goes on by one revision                                         */
  viewRevision < revision -> viewRevision++
}
inline ask() {
  asking == 0 && now < T_MAX && generation == 1 -> askedAt = now; asking = 1
}
inline confirm() {              /* RegionAgent.confirm, for (X, 1)                                               */
  asking == 1 ->
  r = 0; best = 0;
  do
  :: r < REVISIONS ->
     if
#if defined(POOLED) || defined(NEWEST_RENEWAL)
     :: sentOf[r] > 0 -> best = sentOf[r]
#else
     :: sentOf[r] > 0 && r <= viewRevision -> best = sentOf[r]
#endif
     :: else
     fi;
     r++
  :: else -> break
  od;
  if
#ifdef POOLED
  :: best > 0 && best - 1 + L_R > now -> remaining = best - 1 + L_R - now
#elif defined(FULL_TERM)
  :: best > 0 && best - 1 + L_R > now && (takenAt == 0 || viewRevision < takenAt) -> remaining = L_R
#else
  :: best > 0 && best - 1 + L_R > now && (takenAt == 0 || viewRevision < takenAt) -> remaining = best - 1 + L_R - now
#endif
  :: else -> remaining = 0
  fi;
  asking = (remaining > 0 -> 2 : 0); askedAt = (remaining > 0 -> askedAt : 0); r = 0; best = 0
}
inline granted() {               /* LeaseClock.granted                                                            */
  asking == 2 ->
#ifdef NODE_FROM_RECEIPT
  askedAt = now;
#endif
  regionUntil = (askedAt + remaining > regionUntil -> askedAt + remaining : regionUntil);
  asking = 0; askedAt = 0; remaining = 0
}
inline look() {                  /* the taker's linearizable read starts its wait                                 */
  takerStep == 0 && now < T_MAX -> seen = counter; seenAt = now + fast; takerStep = 1
}
inline spare() {                 /* the counter rose: the wait starts over                                        */
  takerStep == 1 && counter != seen -> takerStep = 0; seen = 0; seenAt = 0
}
inline takeTerm() {
#ifdef NO_COMPARE
  takerStep == 1 && now + fast >= seenAt + W_R ->
  seen = counter;
#else
  takerStep == 1 && now + fast >= seenAt + W_R && counter == seen ->
#endif
  term++; revision++; takerStep = 2; seenAt = 0
}
inline takeRange() {
#ifdef UNGUARDED_RANGE
  takerStep == 2 ->
#else
  takerStep == 2 && counter == seen ->
#endif
  generation = 2; revision++; takenAt = revision; takerStep = 3; seen = 0
}

active proctype World() {
  do
  :: atomic { now < T_MAX -> now++ }
  :: atomic { fast < 1 -> fast++ }
  :: atomic { renew() }
  :: atomic { commitRenewal() }
  :: atomic { siblingRenewed() }
  :: atomic { renewed() }
  :: atomic { adopt() }
  :: atomic { observe() }
  :: atomic { ask() }
  :: atomic { confirm() }
  :: atomic { granted() }
  :: atomic { look() }
  :: atomic { spare() }
  :: atomic { takeTerm() }
  :: atomic { takeRange() }
  :: atomic { now < regionUntil && generation == 2 -> assert(false) } /* serves X under 1, and 2 exists          */
  :: now == T_MAX -> break
  od
}
