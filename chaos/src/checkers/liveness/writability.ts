import { compareTokens } from '@meridian/topology'
import { eventsOf } from '../../history/event.ts'
import type { HistoryEvent } from '../../history/event.ts'
import { parseToken } from '../../history/token-text.ts'
import { writesServed } from '../move-facts.ts'
import { operationsOf } from '../operations.ts'
import type { Operation } from '../operations.ts'
import { NS_PER_MS } from '../run-facts.ts'
import { msBetween } from './calm.ts'

export type Reopening =
  | { readonly kind: 'in-time'; readonly afterMs: number }
  | { readonly kind: 'late'; readonly afterMs: number }
  /** Nobody wrote, or the run ended: nothing is known. */
  | { readonly kind: 'untried'; readonly why: string }

interface Success {
  readonly at: number
  readonly token: string
}

/** Around the world and back, and once more after a redirection. */
const ON_ITS_WAY_MS = 500

/** When each shard took writes, and who tried in vain. */
export class Writability {
  readonly #successes: ReadonlyMap<string, readonly Success[]>
  readonly #tries: ReadonlyMap<string, readonly Operation[]>
  readonly #endOfRun: number

  constructor(history: readonly HistoryEvent[], endOfRun: number) {
    const writes = operationsOf(history).filter(({ tier, f }) => tier === 'data' && f !== 'read')
    // The client does not always say which shard it failed at; another request for the key may.
    const shardOf = new Map(writes.flatMap(({ key, shard }) => (shard === '' ? [] : [[key, shard] as const])))
    this.#tries = Map.groupBy(writes, ({ key, shard }) => (shard === '' ? (shardOf.get(key) ?? '') : shard))
    const served = writesServed(history).map(({ shard, t, own }) => ({ shard, at: t, token: own }))
    const answered = writes.flatMap(({ shard, status, returnedAt, token }) =>
      status === 'ok' ? [{ shard, at: returnedAt, token }] : [],
    )
    this.#successes = Map.groupBy(
      [...served, ...answered].toSorted((a, b) => a.at - b.at),
      ({ shard }) => shard,
    )
    this.#endOfRun = endOfRun
  }

  /** @returns when the shard first took a write under a token above `token`, if it was tried within `boundMs` of `from` */
  reopened(shard: string, token: string, from: number, boundMs: number): Reopening {
    const due = from + boundMs * NS_PER_MS
    const old = parseToken(token)
    const first = this.#successes
      .get(shard)
      ?.find((success) => success.at >= from && compareTokens(parseToken(success.token), old) > 0)
    if (first !== undefined && first.at <= due) return { kind: 'in-time', afterMs: msBetween(from, first.at) }
    if (this.#endOfRun < due) return { kind: 'untried', why: `the run ended before ${boundMs} ms had passed` }
    // One that was sent just before may have been on its way, and not kept waiting.
    const latest = due - ON_ITS_WAY_MS * NS_PER_MS
    const tried = (this.#tries.get(shard) ?? []).some(
      ({ calledAt, returnedAt, status }) =>
        calledAt <= latest && returnedAt >= from && (status !== 'ok' || returnedAt > due),
    )
    if (!tried) return { kind: 'untried', why: 'nobody wrote to it' }
    return { kind: 'late', afterMs: first === undefined ? Infinity : msBetween(from, first.at) }
  }
}

/** One shard as its region had committed it, latest before `t`. */
export interface CommittedShard {
  readonly shard: string
  readonly range: number
  readonly token: string
  readonly leader: string
}

export function shardsAt(history: readonly HistoryEvent[], region: string | undefined, t: number): CommittedShard[] {
  const latest = new Map<string, CommittedShard | undefined>()
  for (const commit of eventsOf(history, 'e.commit')) {
    if (commit.t > t || commit.page === 'standby') continue
    if (region !== undefined && commit.region !== region) continue
    const { shard, range, gen, epoch, leader, status } = commit
    latest.set(
      `${commit.region} ${shard}`,
      status === 'gone' ? undefined : { shard, range, token: `g${gen}.e${epoch}`, leader },
    )
  }
  return [...latest.values()].filter((shard) => shard !== undefined)
}
