import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { rangeOfShard } from '../history/shard-text.ts'
import { parseToken } from '../history/token-text.ts'
import { finalLogsOf } from './final-logs.ts'
import type { FinalLog } from './final-logs.ts'
import { writesServed } from './move-facts.ts'
import type { Answered } from './operations.ts'

/** The index at which a generation begins in the log that a shard ended with. */
interface Beginning {
  readonly idx: bigint
  readonly generation: bigint
}

/**
 * Tells the answers of a region that was lost, from where the others went on without it. The log that a shard ended with
 * has a higher generation at their index than their token has, and that generation came to another region by no planned
 * move. What such answers said is not in the shard's history any more; whether it was allowed to be lost I22 asks.
 */
export class LostBranches {
  readonly #beginnings: ReadonlyMap<string, readonly Beginning[]>
  /** `range generation` of what another region than the one before got, unplanned. */
  readonly #taken: ReadonlySet<string>

  constructor(history: readonly HistoryEvent[]) {
    const { logs } = finalLogsOf(history)
    this.#beginnings = new Map([...logs.values()].map((log) => [log.shard, beginningsOf(log)]))
    this.#taken = takenIn(history)
  }

  has({ shard, idx, token }: Pick<Answered, 'shard' | 'idx' | 'token'>): boolean {
    if (token === '') return false
    const { generation } = parseToken(token)
    const fork = this.#beginnings.get(shard)?.find((beginning) => beginning.generation > generation)
    return fork !== undefined && fork.idx <= idx && this.#taken.has(`${rangeOfShard(shard)} ${fork.generation}`)
  }
}

/** The writes that nodes acknowledged, by shard, without those of lost branches. */
export function keptWrites(history: readonly HistoryEvent[]): ReadonlyMap<string, readonly EventOf<'node.serve'>[]> {
  const lost = new LostBranches(history)
  const kept = writesServed(history).filter(({ shard, idx, own }) => !lost.has({ shard, idx: BigInt(idx), token: own }))
  return Map.groupBy(kept, ({ shard }) => shard)
}

function beginningsOf({ lineage, items }: FinalLog): Beginning[] {
  const beginnings: Beginning[] = []
  const trimmed = lineage.map(({ first, token }) => ({ idx: first, token }))
  for (const { idx, token } of [...trimmed, ...items]) {
    const { generation } = parseToken(token)
    const last = beginnings.at(-1)
    if (last === undefined || last.generation < generation) beginnings.push({ idx, generation })
  }
  return beginnings
}

function takenIn(history: readonly HistoryEvent[]): ReadonlySet<string> {
  const planned = new Set(eventsOf(history, 'move.commit').map(({ range, gen }) => `${range} ${gen}`))
  const taken = new Set<string>()
  const owners = new Map<number, { readonly owner: string; readonly gen: bigint }>()
  const grants = eventsOf(history, 'g.commit').filter(({ status }) => status !== 'gone')
  for (const { range, owner, gen } of grants.toSorted((a, b) => (BigInt(a.gen) < BigInt(b.gen) ? -1 : 1))) {
    const before = owners.get(range)
    owners.set(range, { owner, gen: BigInt(gen) })
    const isNew = before !== undefined && before.gen < BigInt(gen) && before.owner !== owner
    if (isNew && !planned.has(`${range} ${gen}`)) taken.add(`${range} ${gen}`)
  }
  return taken
}
