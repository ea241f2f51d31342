import { EMPTY_KEY, formatKey, parseKey } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { byRevision, commitsAreWhole, placeOf } from './witnessed.ts'

/**
 * Safety I2: the generation of a key never falls along revisions of G, and rises strictly whenever the owner or the
 * bounds of the range that covers it change.
 *
 * Between two neighbouring boundaries, of all that there ever were, every key has the same story, so following the
 * lowest key of each such cell follows all keys: there is nothing left to sample.
 */
export function checkKeyGenerations(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const commits = eventsOf(history, 'g.commit')
  const keyspaces = new Map<string, Cells>()
  for (const { keyspace } of commits) {
    if (!keyspaces.has(keyspace))
      keyspaces.set(keyspace, new Cells(commits.filter((each) => each.keyspace === keyspace)))
  }
  let rises = 0
  for (const revision of byRevision(commits)) {
    for (const commit of revision.events) {
      if (commit.status === 'gone') continue
      const { complaint, rose } = keyspaces.get(commit.keyspace)?.cover(commit) ?? {}
      if (rose === true) rises += 1
      if (complaint !== undefined)
        findings.violation(`range ${commit.range} of ${commit.keyspace} at ${placeOf(revision)}: ${complaint}`)
    }
  }
  commitsAreWhole(history, (tier) => tier === GLOBAL_TIER, findings)
  const cells = [...keyspaces.values()].reduce((sum, { size }) => sum + size, 0)
  if (rises === 0) findings.gap('no generation rose: nothing changed owner or bounds')
  return findings.verdict(`${rises} commits raised the generation of their keys, none lowered one, in ${cells} cells`, {
    commits: commits.length,
    rises,
    cells,
  })
}

/** The keys of one keyspace, cut at every boundary that it ever had. */
class Cells {
  readonly #starts: readonly Key[]
  readonly #indexes: ReadonlyMap<Key, number>
  readonly #covering: (EventOf<'g.commit'> | undefined)[]

  constructor(commits: readonly EventOf<'g.commit'>[]) {
    const boundaries = new Set([EMPTY_KEY, ...commits.flatMap(({ start, end }) => [parseKey(start), parseKey(end)])])
    this.#starts = [...boundaries].toSorted((a, b) => (a < b ? -1 : 1))
    this.#indexes = new Map(this.#starts.map((start, i) => [start, i]))
    this.#covering = this.#starts.map(() => undefined)
  }

  get size(): number {
    return this.#starts.length
  }

  cover(commit: EventOf<'g.commit'>): { readonly complaint?: string; readonly rose: boolean } {
    const end = parseKey(commit.end)
    const to = end === EMPTY_KEY ? this.#starts.length : (this.#indexes.get(end) ?? 0)
    let complaint: string | undefined
    let rose = false
    for (let i = this.#indexes.get(parseKey(commit.start)) ?? 0; i < to; i += 1) {
      const before = this.#covering[i]
      this.#covering[i] = commit
      if (before === undefined) continue
      const [was, is] = [BigInt(before.gen), BigInt(commit.gen)]
      if (is > was) rose = true
      const key = `key "${formatKey(this.#starts[i] ?? EMPTY_KEY)}"`
      if (is < was) complaint ??= `${key} falls from generation ${was} to ${is}`
      const same = before.owner === commit.owner && before.start === commit.start && before.end === commit.end
      if (is === was && !same) complaint ??= `${key} has another owner or other bounds under the same generation ${is}`
    }
    return complaint === undefined ? { rose } : { complaint, rose }
  }
}
