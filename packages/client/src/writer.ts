import { backoffMs } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { fromWireToken } from '@meridian/protocol'
import type { Item, WriteResults } from '@meridian/protocol'
import type { Route, Router } from '@meridian/router'
import { ERROR_CODES, keyBytes } from '@meridian/topology'
import type { ErrorCode, Key, KeyspaceName } from '@meridian/topology'
import type { ClientObserver } from './client-event.ts'
import { Deadline } from './deadline.ts'
import { noRoute } from './no-route.ts'
import type { Reroutes, Tried } from './reroutes.ts'
import { answerablePauseMs, RETRY_BACKOFF, worthRetrying } from './retry.ts'
import { Sessions } from './session.ts'
import type { WriteIdentity } from './session.ts'
import type { ShardCalls } from './shard-calls.ts'

/** Items of one request to one shard. */
export const ITEMS_PER_REQUEST_MAX = 256
/** Bytes of keys and values of one request, well under what a node takes. */
export const REQUEST_BYTES_MAX = 512 * 1024

export interface Write {
  readonly key: Key
  /** Undefined deletes the key. */
  readonly value: Uint8Array | undefined
}

/**
 * The end of one write.
 * - `ok`: applied exactly once, at `index` of its shard's log, and acknowledged by a write quorum.
 * - `failed`: surely had no effect.
 * - `unknown`: may have had its effect, once, or may yet have it.
 */
export type WriteOutcome =
  | { readonly status: 'ok'; readonly key: Key; readonly index: bigint; readonly duplicate: boolean }
  | { readonly status: 'failed' | 'unknown'; readonly key: Key; readonly code: ErrorCode; readonly message: string }

export interface WriteOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

interface Pending {
  readonly write: Write
  readonly at: number
  identity: WriteIdentity | undefined
  /** Where it was sent last. */
  tried: Tried
  /** Sent at least once without a definite answer. */
  doubtful: boolean
  code: ErrorCode
  message: string
}

export class Writer {
  readonly #router: Pick<Router, 'route'>
  readonly #calls: Pick<ShardCalls, 'attempt'>
  readonly #reroutes: Pick<Reroutes, 'pause'>
  readonly #sessions: Sessions
  readonly #clock: Clock
  readonly #random: () => number
  readonly #observe: ClientObserver

  constructor(
    router: Pick<Router, 'route'>,
    calls: Pick<ShardCalls, 'attempt'>,
    reroutes: Pick<Reroutes, 'pause'>,
    clientId: string,
    clock: Clock,
    random: () => number,
    observe: ClientObserver,
  ) {
    this.#router = router
    this.#calls = calls
    this.#reroutes = reroutes
    this.#sessions = new Sessions(clientId)
    this.#clock = clock
    this.#random = random
    this.#observe = observe
  }

  /**
   * Writes each key once, however often requests must be sent again, and answers for each on its own, in order. Never
   * throws for a write that failed; the outcomes say so.
   */
  async write(keyspace: KeyspaceName, writes: readonly Write[], options: WriteOptions = {}): Promise<WriteOutcome[]> {
    using deadline = new Deadline(this.#clock, options.timeoutMs ?? 30_000, options.signal)
    const outcomes: (WriteOutcome | undefined)[] = writes.map(() => undefined)
    let pending = writes.map((write, at): Pending => ({
      write,
      at,
      identity: undefined,
      tried: { keyspace, key: write.key, route: undefined },
      doubtful: false,
      code: 'NO_ROUTE',
      message: 'not sent',
    }))
    let answerMs = 0
    let vain = 0
    while (pending.length > 0 && !deadline.passed) {
      const sentMs = this.#clock.nowMs()
      await Promise.all(this.#requests(keyspace, pending).map((request) => this.#send(request, outcomes, deadline)))
      pending = pending.filter((item) => outcomes[item.at] === undefined)
      if (pending.length === 0) break
      answerMs = Math.max(answerMs, this.#clock.nowMs() - sentMs)
      const pauseMs = this.#pauseMs(pending, vain, deadline.remainingMs, answerMs)
      if (pauseMs === undefined) break
      const rerouted = await this.#reroutes.pause(triedOf(pending), pauseMs, deadline.signal)
      vain = rerouted ? 0 : vain + 1
    }
    for (const item of pending) this.#settle(outcomes, item, { status: item.doubtful ? 'unknown' : 'failed' })
    return outcomes.map((outcome, at) => {
      if (outcome === undefined) throw new Error(`write ${at} has no outcome`)
      return outcome
    })
  }

  /** Where a doubt is left already, only an answer can end it: then every moment is used. */
  #pauseMs(pending: readonly Pending[], attempt: number, remainingMs: number, answerMs: number): number | undefined {
    if (pending.every(({ doubtful }) => !doubtful))
      return answerablePauseMs(attempt, remainingMs, answerMs, this.#random)
    return Math.min(backoffMs(RETRY_BACKOFF, attempt, this.#random), remainingMs)
  }

  /** Pending writes grouped by shard and cut into requests within the bounds; those without a route stay pending. */
  #requests(keyspace: KeyspaceName, pending: readonly Pending[]): { route: Route; items: Pending[] }[] {
    const open = new Map<string, { route: Route; items: Pending[]; bytes: number }>()
    const requests: { route: Route; items: Pending[] }[] = []
    for (const item of pending) {
      const result = this.#router.route(keyspace, item.write.key)
      if (!result.ok) {
        Object.assign(item, noRoute(keyspace, item.write.key, result))
        item.tried = { keyspace, key: item.write.key, route: undefined }
        continue
      }
      const { route } = result
      item.tried = { keyspace, key: item.write.key, route }
      item.identity ??= this.#sessions.identify(route.shardId)
      const bytes = item.write.key.length + (item.write.value?.length ?? 0)
      // A request carries one session, so writes first routed to another shard go in a request of their own.
      const slot = `${route.shardId} ${item.identity.session}`
      let request = open.get(slot)
      if (
        request === undefined ||
        request.items.length >= ITEMS_PER_REQUEST_MAX ||
        request.bytes + bytes > REQUEST_BYTES_MAX
      ) {
        request = { route, items: [], bytes: 0 }
        open.set(slot, request)
        requests.push(request)
      }
      request.items.push(item)
      request.bytes += bytes
    }
    return requests
  }

  /** One attempt; what it did not settle stays pending. */
  async #send(
    request: { route: Route; items: Pending[] },
    outcomes: (WriteOutcome | undefined)[],
    deadline: Deadline,
  ): Promise<void> {
    const { route, items } = request
    const session = items[0]?.identity?.session ?? ''
    const attempt = await this.#calls.attempt<WriteResults>(
      route,
      'write',
      items.length,
      deadline,
      async (client, token, options) => {
        const response = await client.write(
          { shardId: route.shardId, token, session, items: items.map(toItem) },
          options,
        )
        return response.outcome
      },
    )
    if (!attempt.ok) {
      for (const item of items) {
        item.doubtful ||= attempt.unknown
        item.code = attempt.code
        item.message = attempt.message
        if (!worthRetrying(attempt.code)) this.#settle(outcomes, item, { status: item.doubtful ? 'unknown' : 'failed' })
      }
      return
    }
    const bySequence = new Map(attempt.value.items.map((result) => [result.sequence, result]))
    const token = fromWireToken(attempt.value.token)
    for (const item of items) {
      const result = bySequence.get(item.identity?.sequence ?? 0n)
      if (result === undefined || result.code !== '') {
        item.code = ERROR_CODES.find((known) => known === result?.code) ?? 'INTERNAL'
        item.message = `${route.leader} refused the key`
        if (!worthRetrying(item.code)) this.#settle(outcomes, item, { status: item.doubtful ? 'unknown' : 'failed' })
        continue
      }
      this.#settle(outcomes, item, { status: 'ok', index: result.index, duplicate: result.duplicate, token })
    }
  }

  #settle(
    outcomes: (WriteOutcome | undefined)[],
    item: Pending,
    end:
      | { status: 'ok'; index: bigint; duplicate: boolean; token: ReturnType<typeof fromWireToken> }
      | { status: 'failed' | 'unknown' },
  ): void {
    const { key } = item.write
    outcomes[item.at] =
      end.status === 'ok'
        ? { status: 'ok', key, index: end.index, duplicate: end.duplicate }
        : {
            status: end.status,
            key,
            code: end.status === 'unknown' ? 'OUTCOME_UNKNOWN' : item.code,
            message: item.message,
          }
    if (item.identity === undefined) return
    this.#observe({
      kind: 'write',
      key,
      identity: item.identity,
      status: end.status,
      index: end.status === 'ok' ? end.index : undefined,
      token: end.status === 'ok' ? end.token : undefined,
    })
  }
}

/** One for each shard, and each that has none. */
function triedOf(pending: readonly Pending[]): readonly Tried[] {
  return [...new Map(pending.map(({ tried }) => [tried.route?.start ?? tried.key, tried])).values()]
}

function toItem(item: Pending): Item {
  const { key, value } = item.write
  return {
    sequence: item.identity?.sequence ?? 0n,
    key: Buffer.from(keyBytes(key)),
    value: value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  }
}
