import type { FinalReplica, History, HistoryEntry, TokenValue } from './history.ts'

export function order(a: TokenValue, b: TokenValue): number {
  if (a.generation !== b.generation) return a.generation < b.generation ? -1 : 1
  return a.epoch === b.epoch ? 0 : a.epoch < b.epoch ? -1 : 1
}

export const show = (token: TokenValue): string => `g${token.generation}.e${token.epoch}`

export function text(entry: HistoryEntry): string {
  const items = entry.items.map((item) => `${item.sequence}:${item.key}=${item.value ?? '-'}`)
  return `${entry.index} ${show(entry.token)} ${entry.session}[${items.join(' ')}]`
}

/** The log that counts in the end, and what it left behind. */
export class FinalLog {
  readonly entries: readonly HistoryEntry[]
  readonly #runs: FinalReplica['lineage']

  private constructor(entries: readonly HistoryEntry[], runs: FinalReplica['lineage']) {
    this.entries = entries
    this.#runs = runs
  }

  /**
   * I15: one entry per index and token; inside a generation one entry per index is ever committed; the replicas end
   * with one lineage, whose tokens never fall and of which every entry was applied by somebody.
   */
  static of(history: History, found: string[]): FinalLog {
    const byToken = new Map<string, HistoryEntry>()
    const byGeneration = new Map<string, HistoryEntry>()
    const once = (map: Map<string, HistoryEntry>, slot: string, entry: HistoryEntry, node: string): void => {
      const known = map.get(slot)
      if (known === undefined) map.set(slot, entry)
      else if (text(known) !== text(entry))
        found.push(`I15 two entries applied at one index: ${text(known)} and, at ${node}, ${text(entry)}`)
    }
    for (const record of history.records) {
      if (record.kind !== 'applied') continue
      const { entry, under, node } = record
      once(byToken, `${entry.index} ${show(entry.token)}`, entry, node)
      if (under !== undefined) once(byGeneration, `${entry.index} ${under.generation}`, entry, node)
    }
    const [first, ...others] = history.final
    const runs = first?.lineage ?? []
    for (const other of others) {
      const same =
        other.lineage.length === runs.length &&
        other.lineage.every((run, at) => run.first === runs[at]?.first && order(run.token, runs[at].token) === 0)
      if (!same) found.push(`I15 ${other.node} ends with another log than ${first?.node}`)
    }
    const entries: HistoryEntry[] = []
    const last = first?.appliedIndex ?? 0
    for (const [at, run] of runs.entries()) {
      const before = runs[at - 1]
      if (before !== undefined && order(run.token, before.token) < 0) found.push(`I15 token falls at ${run.first}`)
      const end = Math.min((runs[at + 1]?.first ?? last + 1) - 1, last)
      for (let index = run.first; index <= end; index++) {
        const entry = byToken.get(`${index} ${show(run.token)}`)
        if (entry === undefined)
          found.push(`I15 nobody applied entry ${index} of ${show(run.token)}, but later ones were`)
        else entries.push(entry)
      }
    }
    return new FinalLog(entries, runs)
  }

  /** Whether the entry at `index` is the one of this token. */
  holds(index: number, token: TokenValue): boolean {
    if (index === 0) return true
    const run = this.#runs.findLast((candidate) => candidate.first <= index)
    return run !== undefined && index <= this.entries.length && order(run.token, token) === 0
  }

  hasGeneration(generation: bigint): boolean {
    return this.#runs.some((run) => run.token.generation === generation)
  }
}

/**
 * I22: what was acknowledged and is not in the log that counts was superseded by a takeover without a plan, and is in
 * the report; nothing is reported that is still there.
 */
export function checkQuarantine(history: History, log: FinalLog, found: string[]): void {
  const taken = history.records.flatMap((record) => (record.kind === 'taken' ? [record.generation] : []))
  const reported = new Set<string>()
  for (const { entry, supersededBy, node, committed } of history.quarantine) {
    for (const item of entry.items) reported.add(`${entry.index} ${entry.session}/${item.sequence}`)
    // What nobody committed may come back by another log. Under a generation that is not in the log any more, anything
    // may have been missing.
    if (committed && log.hasGeneration(supersededBy) && log.holds(entry.index, entry.token))
      found.push(
        `I22 ${node} reports ${text(entry)} as superseded by generation ${supersededBy}, and it is still there`,
      )
  }
  const kept = new Set<string>()
  for (const entry of log.entries)
    for (const item of entry.items) kept.add(`${entry.index} ${entry.session}/${item.sequence}`)
  for (const operation of history.operations) {
    if (operation.kind !== 'write' || operation.outcome !== 'ok' || operation.under === undefined) continue
    const { generation } = operation.under
    for (const result of operation.results) {
      const slot = `${result.index} ${operation.session}/${result.sequence}`
      if (kept.has(slot)) continue
      if (!taken.some((later) => later > generation))
        found.push(`I19 acknowledged ${slot} is not in the log, and no region was taken over`)
      else if (!reported.has(slot)) found.push(`I22 acknowledged ${slot} was lost to a takeover, and nobody reports it`)
    }
  }
}
