import { backoffMs } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import type { ReadResults, ScanResults } from '@meridian/protocol'
import type { Route, Router } from '@meridian/router'
import { EMPTY_KEY, keyBytes, keyOfBytes, MeridianError } from '@meridian/topology'
import type { ErrorCode, Key, KeyRange, KeyspaceName, RegionId } from '@meridian/topology'
import { Deadline } from './deadline.ts'
import { noRoute } from './no-route.ts'
import type { Reroutes } from './reroutes.ts'
import { RETRY_BACKOFF, worthRetrying } from './retry.ts'
import type { Attempt, ShardCalls } from './shard-calls.ts'

/** Rows of one scan request. */
const SCAN_ROWS_MAX = 500

/**
 * - `quorum`: right under every fault in the model; one round trip inside the owner region.
 * - `lease`: answered by the leader alone; right as long as monotonic clocks run at the rate assumed.
 * - `stale`: answered by the nearest replica, also in a region that only follows; at most `maxStalenessMs` behind.
 */
export type ReadMode = 'quorum' | 'lease' | 'stale'

/** How old a stale read may be unless it is said, ms. */
export const STALENESS_MS_DEFAULT = 5000

export interface ReadOptions {
  /** Default `quorum`. */
  readonly mode?: ReadMode
  /** Under `stale`: how old an answer may be, at least 1. Default 5,000. A replica that cannot show it is passed over. */
  readonly maxStalenessMs?: number
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Row {
  readonly key: Key
  readonly value: Uint8Array
  /** Position of the write that stored it in its shard's log. */
  readonly index: bigint
  /** Under `stale`: the answer lacks nothing that was acknowledged longer ago than this, ms. */
  readonly stalenessMs?: number
}

export class Reader {
  readonly #router: Router
  readonly #calls: ShardCalls
  readonly #reroutes: Pick<Reroutes, 'pause'>
  readonly #clock: Clock
  readonly #random: () => number
  readonly #home: () => RegionId | undefined

  /** @param home the client's own region, where its nearest replicas are */
  constructor(
    router: Router,
    calls: ShardCalls,
    reroutes: Pick<Reroutes, 'pause'>,
    clock: Clock,
    random: () => number,
    home: () => RegionId | undefined,
  ) {
    this.#router = router
    this.#calls = calls
    this.#reroutes = reroutes
    this.#clock = clock
    this.#random = random
    this.#home = home
  }

  /** @throws MeridianError the last refusal when the deadline passes; KEYSPACE_UNKNOWN, RANGE_NOT_ACTIVE at once */
  async get(keyspace: KeyspaceName, key: Key, options: ReadOptions = {}): Promise<Row | undefined> {
    using deadline = new Deadline(this.#clock, options.timeoutMs ?? 30_000, options.signal)
    const how = howOf(options)
    const send = (route: Route): Promise<Attempt<ReadResults>> =>
      this.#calls.attempt(
        route,
        'read',
        1,
        deadline,
        async (client, token, call) => {
          const request = { shardId: route.shardId, token, keys: [Buffer.from(keyBytes(key))], ...how }
          return (await client.read(request, call)).outcome
        },
        isStale(how),
      )
    const { value } = await this.#untilAnswered(keyspace, key, how, deadline, send)
    const found = value.values[0]
    if (found?.value === undefined) return undefined
    return { key, value: found.value, index: found.index, ...ageOf(how, value) }
  }

  /** Rows of an interval in key order, shard by shard; each shard is read at a moment of its own. */
  async *scan(keyspace: KeyspaceName, interval: KeyRange, options: ReadOptions = {}): AsyncGenerator<Row> {
    for await (const results of this.#pages(keyspace, interval, false, options)) {
      const age = ageOf(howOf(options), results)
      for (const row of results.rows) yield { key: keyOfBytes(row.key), value: row.value, index: row.index, ...age }
    }
  }

  /** How many keys an interval holds; each shard is counted at a moment of its own. */
  async count(keyspace: KeyspaceName, interval: KeyRange, options: ReadOptions = {}): Promise<bigint> {
    let count = 0n
    for await (const results of this.#pages(keyspace, interval, true, options)) count += results.count
    return count
  }

  async *#pages(
    keyspace: KeyspaceName,
    interval: KeyRange,
    countOnly: boolean,
    options: ReadOptions,
  ): AsyncGenerator<ScanResults> {
    let at = interval.start
    for (;;) {
      using deadline = new Deadline(this.#clock, options.timeoutMs ?? 30_000, options.signal)
      const from = at
      const how = howOf(options)
      const send = (route: Route): Promise<Attempt<ScanResults>> =>
        this.#calls.attempt(
          route,
          'scan',
          1,
          deadline,
          async (client, token, call) => {
            const request = {
              shardId: route.shardId,
              token,
              start: Buffer.from(keyBytes(from)),
              end: Buffer.from(keyBytes(interval.end)),
              limit: SCAN_ROWS_MAX,
              countOnly,
              ...how,
            }
            return (await client.scan(request, call)).outcome
          },
          isStale(how),
        )
      const answered = await this.#untilAnswered(keyspace, from, how, deadline, send)
      yield answered.value
      if (answered.value.next !== undefined) at = keyOfBytes(answered.value.next)
      else if (answered.route.end === EMPTY_KEY) return
      else at = answered.route.end
      if (interval.end !== EMPTY_KEY && at >= interval.end) return
    }
  }

  async #untilAnswered<T>(
    keyspace: KeyspaceName,
    key: Key,
    how: ReadHow,
    deadline: Deadline,
    send: (route: Route) => Promise<Attempt<T>>,
  ): Promise<{ route: Route; value: T }> {
    let last: { code: ErrorCode; message: string } = { code: 'NO_ROUTE', message: 'not sent' }
    let vain = 0
    while (!deadline.passed) {
      const result = this.#router.route(keyspace, key)
      const replicas = isStale(how) ? this.#nearest(keyspace, key) : []
      if (replicas.length === 0 && !result.ok) {
        last = noRoute(keyspace, key, result)
        if (last.code === 'KEYSPACE_UNKNOWN' || last.code === 'RANGE_NOT_ACTIVE') break
      }
      for (const route of replicas.length > 0 ? replicas : result.ok ? [result.route] : []) {
        const answer = await send(route)
        if (answer.ok) return { route, value: answer.value }
        last = answer
        if (!worthRetrying(answer.code)) throw new MeridianError(last.code, last.message)
        if (deadline.passed) break
      }
      const pauseMs = Math.min(backoffMs(RETRY_BACKOFF, vain, this.#random), deadline.remainingMs)
      // No token counts for a replica that was asked about the past: another one would not help.
      const tried = replicas.length > 0 ? [] : [{ keyspace, key, route: result.ok ? result.route : undefined }]
      const rerouted = await this.#reroutes.pause(tried, pauseMs, deadline.signal)
      vain = rerouted ? 0 : vain + 1
    }
    throw new MeridianError(last.code, last.message)
  }

  /** Those at home first, in an order of chance so that they share the load; then those of other regions. */
  #nearest(keyspace: KeyspaceName, key: Key): readonly Route[] {
    const home = this.#home()
    return this.#router
      .replicas(keyspace, key)
      .map((route) => ({ route, place: (route.region === home ? 0 : 1) + this.#random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ route }) => route)
  }
}

/** What of a request says how to read. */
interface ReadHow {
  readonly mode: ReadMode
  readonly maxStalenessMs: bigint
}

function howOf({ mode = 'quorum', maxStalenessMs = STALENESS_MS_DEFAULT }: ReadOptions): ReadHow {
  if (mode !== 'stale') return { mode, maxStalenessMs: 0n }
  if (!(maxStalenessMs >= 1))
    throw new MeridianError('INVALID_ARGUMENT', `a stale read may be 1 ms old or more, not ${maxStalenessMs}`)
  return { mode, maxStalenessMs: BigInt(Math.floor(maxStalenessMs)) }
}

function isStale({ mode }: ReadHow): boolean {
  return mode === 'stale'
}

function ageOf(how: ReadHow, results: { readonly stalenessMs: bigint }): { readonly stalenessMs?: number } {
  return isStale(how) ? { stalenessMs: Number(results.stalenessMs) } : {}
}
