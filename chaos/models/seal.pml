/*
 * seal: how a new leader of a shard finds all that was acknowledged (packages/data-node/SPEC.md, R1-R4). Transitions
 * are those of replica/take-over, follow, lead and commit.
 *
 * Holds (I13, I15, I19): an entry that was counted as committed is in the log of every later leader, at its index.
 * World: three replicas; tokens 1 to 4, each told to one replica, at any moment but in rising order, some perhaps to none; what a replica has accepted is
 * counted by its leader at any later moment, also when the replica has promised more meanwhile.
 * Bounds: logs of 2 entries, barriers included; token 1 is told to replica 0 (by symmetry). A fetch is one step. Disks lose
 * nothing and nodes do not restart: the simulation of data-node has both.
 *
 * mutant NO_FENCE          replicas accept appends below their promise
 * mutant SEAL_ONE          the new leader's own seal is enough
 * mutant COUNT_OLD_TOKENS  entries of older tokens are counted as committed by their copies
 * mutant READ_BEFORE_SEAL  the logs are compared first, and the promises raised after
 * mutant LONGEST_LOG       the longest log is the best, whatever its last token
 */
#define R 3
#define LENGTH 2
#define TOKENS 4
#define FOLLOWER 0
#define SEALING 1
#define FETCHING 2
#define LEADING 3
#ifdef SEAL_ONE
#define SEALED(n) (true)
#else
#define SEALED(n) (votes[n] == 3 || votes[n] >= 5)
#endif
#define ENTRY(n, i) log[(n) * LENGTH + (i)]
#define LAST(n) (length[n] == 0 -> 0 : ENTRY(n, length[n] - 1))
#define MATCH(n, k) matched[(n) * R + (k)]
#ifdef LONGEST_LOG
#define BETTER(k, n) (length[k] > bestLength[n])
#else
#define BETTER(k, n) (LAST(k) > bestToken[n] || (LAST(k) == bestToken[n] && length[k] > bestLength[n]))
#endif

byte log[6], length[R], promised[R];     /* an entry is its token: a token has one leader, which only appends     */
byte role[R], token[R], votes[R];
byte source[R], bestToken[R], bestLength[R];
byte matched[9];                         /* how much of a leader's log each replica has accepted from it          */
byte told, acknowledged[LENGTH], acknowledgedUnder[LENGTH], i;

inline stepDown(n) {
  role[n] = FOLLOWER; token[n] = 0; votes[n] = 0; source[n] = 0; bestToken[n] = 0; bestLength[n] = 0;
  MATCH(n, 0) = 0; MATCH(n, 1) = 0; MATCH(n, 2) = 0
}
inline promise(n, t) {                   /* the ratchet; a leadership under a lower token is over                 */
  if
  :: t > promised[n] -> promised[n] = t; if :: role[n] != FOLLOWER && token[n] < t -> stepDown(n) :: else fi
  :: else
  fi
}
inline startSealing(n, t) {
  (told >> t) == 0 && (t != 1 || n == 0) && promised[n] < t ->
  told = told | (1 << t); promise(n, t);
  stepDown(n); role[n] = SEALING; token[n] = t; votes[n] = 1 << n;
  source[n] = n; bestToken[n] = LAST(n); bestLength[n] = length[n]
}
inline onSeal(n, k) {
  n != k && role[n] == SEALING && !(votes[n] & (1 << k)) && promised[k] <= token[n] ->
#ifndef READ_BEFORE_SEAL
  promise(k, token[n]);
#endif
  votes[n] = votes[n] | (1 << k);
  if :: BETTER(k, n) -> source[n] = k; bestToken[n] = LAST(k); bestLength[n] = length[k] :: else fi
}
inline startLeading(n) {                 /* then every acknowledged entry must be there; the barrier comes first   */
#ifdef READ_BEFORE_SEAL
  i = 0;
  do :: i < R -> if :: votes[n] & (1 << i) -> promise(i, token[n]) :: else fi; i++ :: else -> break od;
#endif
  role[n] = LEADING; votes[n] = 0; source[n] = 0; bestToken[n] = 0; bestLength[n] = 0;
  i = 0;
  do
  :: i < LENGTH -> assert(acknowledged[i] == 0 || acknowledgedUnder[i] > token[n] || (i < length[n] && ENTRY(n, i) == acknowledged[i])); i++
  :: else -> break
  od;
  i = 0;
  if :: length[n] < LENGTH -> ENTRY(n, length[n]) = token[n]; length[n]++ :: else fi;
  MATCH(n, n) = length[n]
}
inline chooseLog(n) {
  role[n] == SEALING && SEALED(n) -> if :: source[n] == n -> startLeading(n) :: else -> role[n] = FETCHING fi
}
inline onFetched(n, k) {                 /* refused by a source that has promised more: it asks everybody again    */
  role[n] == FETCHING && source[n] == k ->
  if
  :: promised[k] <= token[n] ->
     ENTRY(n, 0) = ENTRY(k, 0); ENTRY(n, 1) = ENTRY(k, 1); length[n] = length[k]; startLeading(n)
  :: else -> stepDown(n)
  fi
}
inline onWrite(n) {
  role[n] == LEADING && length[n] < LENGTH -> ENTRY(n, length[n]) = token[n]; length[n]++; MATCH(n, n) = length[n]
}
inline onAppend(n, k) {                  /* one entry, where the replica holds the one right before it             */
  n != k && role[n] == LEADING && MATCH(n, k) < length[n] &&
#ifndef NO_FENCE
  promised[k] <= token[n] &&
#endif
  length[k] >= MATCH(n, k) && (MATCH(n, k) == 0 || ENTRY(k, MATCH(n, k) - 1) == ENTRY(n, MATCH(n, k) - 1)) ->
  promise(k, token[n]);
  i = MATCH(n, k);
  if
  :: i < length[k] && ENTRY(k, i) == ENTRY(n, i)
  :: else ->                             /* truncates what differs, then appends                                   */
     ENTRY(k, i) = ENTRY(n, i); length[k] = i + 1;
     if :: i == 0 -> ENTRY(k, 1) = 0 :: else fi
  fi;
  MATCH(n, k) = i + 1; i = 0
}
inline advanceCommit(n, at) {            /* counts what was accepted under this leadership, the own copy included  */
  role[n] == LEADING && length[n] > at && acknowledged[at] == 0 &&
#ifndef COUNT_OLD_TOKENS
  ENTRY(n, at) == token[n] &&
#endif
  ((MATCH(n, 0) > at) + (MATCH(n, 1) > at) + (MATCH(n, 2) > at) >= 2) ->
  i = 0; do :: i <= at -> if :: acknowledged[i] == 0 -> acknowledged[i] = ENTRY(n, i); acknowledgedUnder[i] = token[n] :: else fi; i++ :: else -> break od;
  i = 0;
  do                                     /* a later leader is at work already: it must have it                     */
  :: i < R -> assert(role[i] != LEADING || token[i] <= token[n] || (length[i] > at && ENTRY(i, at) == ENTRY(n, at))); i++
  :: else -> break
  od;
  i = 0
}

#define EACH(n, k, l) \
  :: atomic { startSealing(n, 1) } :: atomic { startSealing(n, 2) } \
  :: atomic { startSealing(n, 3) } :: atomic { startSealing(n, 4) } \
  :: atomic { onSeal(n, k) }     :: atomic { onSeal(n, l) } :: atomic { chooseLog(n) } \
  :: atomic { onFetched(n, k) }  :: atomic { onFetched(n, l) } \
  :: atomic { onWrite(n) }       :: atomic { onAppend(n, k) } :: atomic { onAppend(n, l) } \
  :: atomic { advanceCommit(n, 0) } :: atomic { advanceCommit(n, 1) }

active proctype World() {
end:
  do
  EACH(0, 1, 2)
  EACH(1, 0, 2)
  EACH(2, 0, 1)
  od
}
