import { DataServiceDefinition, fromWireToken, toWireToken } from '@meridian/protocol'
import type { Refusal } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import type { Route, Router } from '@meridian/router'
import { ERROR_CODES, GLOBAL_STREAM, isMeridianError, MeridianError, regionStream } from '@meridian/topology'
import type { ErrorCode, Token } from '@meridian/topology'
import type { ClientObserver } from './client-event.ts'
import { TokenRatchet } from './token-ratchet.ts'

/** Longest a single attempt waits for its answer; a caller's deadline may be shorter. */
const ATTEMPT_MS_MAX = 5000

/** An attempt that was refused, or not answered. */
export interface Refused {
  readonly ok: false
  readonly code: ErrorCode
  readonly message: string
  /** The request may have had its effect. */
  readonly unknown: boolean
}

export type Attempt<T> = { readonly ok: true; readonly value: T } | Refused

export type DataClient = ReturnType<typeof clientOf<typeof DataServiceDefinition>>

/** One attempt of one request at the node its route names; learns from refusals. */
export class ShardCalls {
  readonly #pool: Pick<ChannelPool, 'channel'>
  readonly #router: Pick<Router, 'adopt' | 'refresh'>
  readonly #observe: ClientObserver
  readonly #ratchet = new TokenRatchet()

  constructor(pool: Pick<ChannelPool, 'channel'>, router: Pick<Router, 'adopt' | 'refresh'>, observe: ClientObserver) {
    this.#pool = pool
    this.#router = router
    this.#observe = observe
  }

  async attempt<T extends { token?: { generation: bigint; epoch: bigint } | undefined }>(
    route: Route,
    operation: 'write' | 'read' | 'scan',
    items: number,
    deadline: { readonly remainingMs: number; readonly signal: AbortSignal },
    send: (
      client: DataClient,
      token: { generation: bigint; epoch: bigint },
      options: { timeoutMs: number; signal: AbortSignal },
    ) => Promise<
      | { readonly $case: 'results'; readonly value: T }
      | { readonly $case: 'refusal'; readonly value: Refusal }
      | undefined
    >,
    /** An answer about the past may well be older than one already seen. */
    aboutThePast = false,
  ): Promise<Attempt<T>> {
    const where = { operation, shard: route.shardId, node: route.leader, token: route.token }
    this.#observe({ kind: 'attempt', ...where, items })
    try {
      const client = clientOf(DataServiceDefinition, this.#pool.channel(route.address))
      const outcome = await send(client, toWireToken(route.token), {
        timeoutMs: Math.max(1, Math.min(ATTEMPT_MS_MAX, deadline.remainingMs)),
        signal: deadline.signal,
      })
      if (outcome === undefined) throw new MeridianError('INTERNAL', `${route.address}: an answer without an outcome`)
      if (outcome.$case === 'refusal') return this.#refused(where, route, outcome.value)
      if (!aboutThePast && !this.#ratchet.accept(route.shardId, fromWireToken(outcome.value.token))) {
        return this.#refused(where, route, {
          code: 'TOKEN_STALE',
          message: 'an answer from before one already seen',
          newest: undefined,
        })
      }
      return { ok: true, value: outcome.value }
    } catch (error) {
      if (!isMeridianError(error)) throw error
      this.#observe({ kind: 'refused', ...where, code: error.code, adopted: false })
      this.#suspect(route, error.code)
      return {
        ok: false,
        code: error.code,
        message: error.message,
        unknown: error.code === 'OUTCOME_UNKNOWN',
      }
    }
  }

  #refused(
    where: { operation: 'write' | 'read' | 'scan'; shard: Route['shardId']; node: Route['leader']; token: Token },
    route: Route,
    refusal: Refusal,
  ): Refused {
    const code = ERROR_CODES.find((known) => known === refusal.code) ?? 'INTERNAL'
    const adopted = refusal.newest !== undefined && this.#router.adopt(refusal.newest)
    this.#observe({ kind: 'refused', ...where, code, adopted })
    // A record that is not news shows that the node, not the map, is behind: it will catch up by itself.
    if (refusal.newest === undefined) this.#suspect(route, code)
    return {
      ok: false,
      code,
      message: `${route.leader} (${route.address}): ${refusal.message}`,
      unknown: code === 'OUTCOME_UNKNOWN',
    }
  }

  /** The map may be behind: ask for newer streams, without waiting and at most one fetch at a time. */
  #suspect(route: Route, code: ErrorCode): void {
    if (code !== 'TOKEN_MISMATCH' && code !== 'TOKEN_STALE' && code !== 'NOT_LEADER' && code !== 'SHARD_UNKNOWN') return
    this.#router.refresh(regionStream(route.region), `${code} from ${route.leader}`)
    this.#router.refresh(GLOBAL_STREAM, `${code} from ${route.leader}`)
  }
}
