/** A mutant that lives in another suite, with what it is called there. */
export interface Elsewhere {
  /** From the root of the repository. */
  readonly file: string
  readonly name: string
  /** What runs it. */
  readonly by: 'meridian test' | 'meridian model'
}

/** A mistake of the safety reference's table, and where it is made on purpose. */
export interface Row {
  readonly mistake: string
  readonly caughtBy: readonly string[]
  /** Of this registry. */
  readonly mutants: readonly string[]
  readonly elsewhere?: readonly Elsewhere[]
}

const replicas = (name: string): Elsewhere => ({
  file: 'packages/data-node/src/simulation/mutants.test.ts',
  name,
  by: 'meridian test',
})
const clocks = (name: string): Elsewhere => ({
  file: 'chaos/src/checkers/generated/clock-world.prop.test.ts',
  name,
  by: 'meridian test',
})
const corpus = (name: string): Elsewhere => ({
  file: 'chaos/src/checkers/histories.test.ts',
  name,
  by: 'meridian test',
})
const model = (of: string, name: string): Elsewhere => ({
  file: `chaos/models/${of}.pml`,
  name: `mutant ${name}`,
  by: 'meridian model',
})

/**
 * The rows of the safety reference (6.5) that belong to I1-I22, I29-I34 and J1-J8. What a simulated world cannot be bent
 * to is made where its code can be: the table of duplicates inside a replica, clocks without a program around them, the
 * recorder itself.
 */
export const ROWS: readonly Row[] = [
  {
    mistake: 'deadline from receipt instead of send',
    caughtBy: ['I11', 'I9'],
    mutants: ['lease-from-receipt'],
    elsewhere: [model('region-lease', 'FROM_RECEIPT')],
  },
  { mistake: 'W = L (no margin)', caughtBy: ['I12', 'I9'], mutants: ['no-margin'] },
  {
    mistake: 'takeover without compare',
    caughtBy: ['I12'],
    mutants: ['takeover-without-compare', 'region-taken-without-compare'],
  },
  {
    mistake: 'silence counted through an outage of the store',
    caughtBy: ['I12'],
    mutants: ['silence-through-an-outage'],
    elsewhere: [model('takeover', 'SILENCE_THROUGH_OUTAGE')],
  },
  { mistake: 'accept etcd keep-alive as renewal', caughtBy: ['I11'], mutants: ['keep-alive-for-renewal'] },
  {
    mistake: 'region lease not confirmed per range',
    caughtBy: ['I10'],
    mutants: ['ranges-not-confirmed', 'full-term-for-nodes'],
    elsewhere: [model('region-lease', 'POOLED')],
  },
  { mistake: 'replica does not persist promised', caughtBy: ['I13'], mutants: ['promise-not-persisted'] },
  {
    mistake: 'replica uses > instead of >=, or compares epoch alone',
    caughtBy: ['I13', 'I15'],
    mutants: ['epoch-alone'],
    // In a whole world the program's own assertions come first; and with `>` alone no world so much as comes up.
    elsewhere: [replicas('a replica does not refuse lower tokens')],
  },
  { mistake: 'node accepts higher token at the door', caughtBy: ['I16'], mutants: ['any-token-at-the-door'] },
  { mistake: 'node checks lease before awaiting the body', caughtBy: ['I9'], mutants: ['lease-checked-by-timer'] },
  {
    mistake: 'seal one replica; read before seal',
    caughtBy: ['I14', 'I19'],
    mutants: ['one-replica-sealed', 'read-before-seal'],
  },
  { mistake: 'epoch not raised', caughtBy: ['I7'], mutants: ['epoch-not-raised'] },
  {
    mistake: 'controller transaction without elect compare',
    caughtBy: ['I8'],
    mutants: ['controller-without-election'],
  },
  {
    mistake: 'dedupe table not moved; trimmed by time',
    caughtBy: ['I20'],
    mutants: [],
    elsewhere: [
      replicas('the table of duplicates stays behind when a state moves'),
      replicas('the table of duplicates is in memory only'),
      replicas('the table of duplicates is trimmed by time'),
    ],
  },
  { mistake: 'timeout answered as fail', caughtBy: ['I21'], mutants: ['unknown-answered-as-failed'] },
  { mistake: 'no heartbeat of the feed', caughtBy: ['J5'], mutants: ['beacon-of-the-past'] },
  {
    mistake: 'no incarnation in the feed',
    caughtBy: ['I5'],
    mutants: [],
    elsewhere: [model('feed', 'NO_INCARNATION')],
  },
  {
    mistake: 'HLC not merged on receive; no ceiling; merge without bound',
    caughtBy: ['I29', 'I30'],
    mutants: ['ceiling-forgotten'],
    elsewhere: [clocks('no-merge'), clocks('no-ceiling'), clocks('no-bound')],
  },
  { mistake: 'stamp not compared with /stamp', caughtBy: ['I31'], mutants: ['stamp-not-compared'] },
  {
    mistake: 'thaw before abort; thaw by timer; blind commit; copy early',
    caughtBy: ['I32', 'I33'],
    mutants: ['thaw-before-abort', 'thaw-by-timer', 'blind-commit', 'copy-early'],
  },
  { mistake: 'reconcile loop off', caughtBy: ['J8'], mutants: ['no-reconciliation'] },
  { mistake: 'merge gen = left + 1', caughtBy: ['I2'], mutants: ['merge-left-plus-one'] },
  { mistake: 'quarantine truncated', caughtBy: ['I22'], mutants: ['quarantine-truncated'] },
  {
    mistake: 'recorder drops a record',
    caughtBy: ['recording'],
    mutants: [],
    elsewhere: [corpus('says nothing at all about a history from which any one record is missing')],
  },
  {
    mistake: 'checker reads an empty history',
    caughtBy: ['vacuity'],
    mutants: [],
    elsewhere: [corpus('finds every claim open when nothing was recorded')],
  },
]
