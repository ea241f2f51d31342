import { backoffMs } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import type { ReadResults, ScanResults } from '@meridian/protocol'
import type { Route, Router } from '@meridian/router'
import { EMPTY_KEY, keyBytes, keyOfBytes, MeridianError } from '@meridian/topology'
import type { ErrorCode, Key, KeyRange, KeyspaceName } from '@meridian/topology'
import { Deadline } from './deadline.ts'
import { noRoute } from './no-route.ts'
import { RETRY_BACKOFF, worthRetrying } from './retry.ts'
import type { Attempt, ShardCalls } from './shard-calls.ts'

/** Rows of one scan request. */
const SCAN_ROWS_MAX = 500

/**
 * - `quorum`: right under every fault in the model; one round trip inside the owner region.
 * - `lease`: answered by the leader alone; right as long as monotonic clocks run at the rate assumed.
 */
export type ReadMode = 'quorum' | 'lease'

export interface ReadOptions {
  /** Default `quorum`. */
  readonly mode?: ReadMode
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Row {
  readonly key: Key
  readonly value: Uint8Array
  /** Position of the write that stored it in its shard's log. */
  readonly index: bigint
}

export class Reader {
  readonly #router: Router
  readonly #calls: ShardCalls
  readonly #clock: Clock
  readonly #random: () => number

  constructor(router: Router, calls: ShardCalls, clock: Clock, random: () => number) {
    this.#router = router
    this.#calls = calls
    this.#clock = clock
    this.#random = random
  }

  /** @throws MeridianError the last refusal when the deadline passes; KEYSPACE_UNKNOWN, RANGE_NOT_ACTIVE at once */
  async get(keyspace: KeyspaceName, key: Key, options: ReadOptions = {}): Promise<Row | undefined> {
    using deadline = new Deadline(this.#clock, options.timeoutMs ?? 30_000, options.signal)
    const results = await this.#untilAnswered<ReadResults>(keyspace, key, deadline, (route) =>
      this.#calls.attempt(route, 'read', 1, deadline, async (client, token, call) => {
        const request = {
          shardId: route.shardId,
          token,
          keys: [Buffer.from(keyBytes(key))],
          mode: options.mode ?? 'quorum',
          maxStalenessMs: 0n,
        }
        return (await client.read(request, call)).outcome
      }),
    )
    const found = results.value.values[0]
    return found?.value === undefined ? undefined : { key, value: found.value, index: found.index }
  }

  /** Rows of an interval in key order, shard by shard; each shard is read at a moment of its own. */
  async *scan(keyspace: KeyspaceName, interval: KeyRange, options: ReadOptions = {}): AsyncGenerator<Row> {
    for await (const results of this.#pages(keyspace, interval, false, options)) {
      for (const row of results.rows) yield { key: keyOfBytes(row.key), value: row.value, index: row.index }
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
      const answered = await this.#untilAnswered<ScanResults>(keyspace, from, deadline, (route) =>
        this.#calls.attempt(route, 'scan', 1, deadline, async (client, token, call) => {
          const request = {
            shardId: route.shardId,
            token,
            start: Buffer.from(keyBytes(from)),
            end: Buffer.from(keyBytes(interval.end)),
            limit: SCAN_ROWS_MAX,
            mode: options.mode ?? 'quorum',
            countOnly,
            maxStalenessMs: 0n,
          }
          return (await client.scan(request, call)).outcome
        }),
      )
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
    deadline: Deadline,
    send: (route: Route) => Promise<Attempt<T>>,
  ): Promise<{ route: Route; value: T }> {
    let last: { code: ErrorCode; message: string } = { code: 'NO_ROUTE', message: 'not sent' }
    for (let attempt = 0; !deadline.passed; attempt += 1) {
      const result = this.#router.route(keyspace, key)
      if (!result.ok) {
        last = noRoute(keyspace, key, result)
        if (last.code === 'KEYSPACE_UNKNOWN' || last.code === 'RANGE_NOT_ACTIVE') break
      } else {
        const answer = await send(result.route)
        if (answer.ok) return { route: result.route, value: answer.value }
        last = answer
        if (!worthRetrying(answer.code)) break
        if (answer.immediate) continue
      }
      await this.#clock
        .sleep(Math.min(backoffMs(RETRY_BACKOFF, attempt, this.#random), deadline.remainingMs), deadline.signal)
        .catch(() => {})
    }
    throw new MeridianError(last.code, last.message)
  }
}
