/** Consecutive sequences applied at one index: a batch is one run, whatever its size. */
export interface SessionRun {
  readonly first: bigint
  readonly last: bigint
  readonly index: number
}

/** What a run weighs on the disk and on the wire. */
export const SESSION_RUN_BYTES = 24

/** A session as it is stored. Sequences at or below `floor` are expired, the runs above it are remembered. */
export interface SessionRecord {
  readonly session: string
  /** Index of the entry that touched it last. */
  readonly touched: number
  /** -1 when nothing is expired, since 0 is a sequence. */
  readonly floor: bigint
  /** In order, disjoint. */
  readonly runs: readonly SessionRun[]
}

export type SequenceStatus =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'applied'; readonly index: number }
  /** Below the window: whether it was ever applied is not known any more, so it must never be applied again. */
  | { readonly kind: 'expired' }

interface Session {
  touched: number
  floor: bigint
  runs: SessionRun[]
  /** Sequences in `runs`. */
  size: number
}

const FRESH: SequenceStatus = { kind: 'fresh' }
const EXPIRED: SequenceStatus = { kind: 'expired' }

/**
 * Which (session, sequence) pairs have been applied, and where. Part of the replicated state: every change is a
 * function of the entries applied, and so is what is forgotten. No clock has a say, because a client that paused
 * longer than any time-out would otherwise apply twice.
 *
 * Of the sessions beyond `sessionWindowsMax` only the highest sequence is kept (a few dozen bytes each, for ever):
 * dropping that too would turn a late retry into a fresh write.
 */
export class SessionTable {
  readonly #sequencesMax: number
  readonly #windowsMax: number
  /** Sessions with a window in the order they were last touched, which Map keeps. */
  readonly #windows = new Map<string, Session>()
  /** Sessions of which only the floor is left. */
  readonly #floors = new Map<string, Session>()
  #dirty = new Set<string>()

  constructor(
    bounds: { readonly sessionSequencesMax: number; readonly sessionWindowsMax: number },
    records: Iterable<SessionRecord> = [],
  ) {
    this.#sequencesMax = bounds.sessionSequencesMax
    this.#windowsMax = bounds.sessionWindowsMax
    for (const record of [...records].sort((a, b) => a.touched - b.touched)) {
      const runs = [...record.runs]
      const size = runs.reduce((sum, run) => sum + Number(run.last - run.first) + 1, 0)
      const session: Session = { touched: record.touched, floor: record.floor, runs, size }
      ;(size > 0 ? this.#windows : this.#floors).set(record.session, session)
    }
  }

  status(session: string, sequence: bigint): SequenceStatus {
    const found = this.#windows.get(session) ?? this.#floors.get(session)
    if (found === undefined) return FRESH
    if (sequence <= found.floor) return EXPIRED
    const run = found.runs[runAtOrBelow(found.runs, sequence)]
    return run !== undefined && sequence <= run.last ? { kind: 'applied', index: run.index } : FRESH
  }

  /** Records a fresh sequence as applied by entry `index`. */
  add(session: string, sequence: bigint, index: number): void {
    const found = this.#windows.get(session) ??
      this.#floors.get(session) ?? { touched: index, floor: -1n, runs: [], size: 0 }
    this.#floors.delete(session)
    // Re-inserting moves it to the end: the order of the map is the order of use.
    this.#windows.delete(session)
    this.#windows.set(session, found)
    found.touched = index
    const at = runAtOrBelow(found.runs, sequence)
    const below = found.runs[at]
    if (below !== undefined && sequence <= below.last)
      throw new Error(`I20: sequence ${sequence} of ${session} applied twice`)
    if (below !== undefined && below.index === index && below.last + 1n === sequence) {
      found.runs[at] = { first: below.first, last: sequence, index }
    } else {
      found.runs.splice(at + 1, 0, { first: sequence, last: sequence, index })
    }
    found.size += 1
    if (found.size > this.#sequencesMax) forgetLowest(found)
    this.#dirty.add(session)
    if (this.#windows.size > this.#windowsMax) this.#collapseOldest()
  }

  /** What changed since the last call, for a checkpoint. */
  takeDirty(): SessionRecord[] {
    const records: SessionRecord[] = []
    for (const session of this.#dirty) records.push(this.#record(session))
    this.#dirty = new Set()
    return records
  }

  all(): SessionRecord[] {
    return [...this.#floors.keys(), ...this.#windows.keys()].map((session) => this.#record(session))
  }

  #record(session: string): SessionRecord {
    const found = this.#windows.get(session) ?? this.#floors.get(session)
    if (found === undefined) throw new Error(`session ${session} is gone`)
    return { session, touched: found.touched, floor: found.floor, runs: [...found.runs] }
  }

  #collapseOldest(): void {
    for (const [name, session] of this.#windows) {
      this.#windows.delete(name)
      const highest = session.runs.at(-1)?.last ?? session.floor
      this.#floors.set(name, { touched: session.touched, floor: highest, runs: [], size: 0 })
      this.#dirty.add(name)
      return
    }
  }
}

/** Index of the last run that begins at or below `sequence`, -1 if none does. */
function runAtOrBelow(runs: readonly SessionRun[], sequence: bigint): number {
  let low = -1
  let high = runs.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    const run = runs[middle]
    if (run !== undefined && run.first <= sequence) low = middle
    else high = middle - 1
  }
  return low
}

function forgetLowest(session: Session): void {
  const [lowest] = session.runs
  if (lowest === undefined) return
  session.floor = lowest.first
  session.size -= 1
  if (lowest.first === lowest.last) session.runs.shift()
  else session.runs[0] = { first: lowest.first + 1n, last: lowest.last, index: lowest.index }
}
