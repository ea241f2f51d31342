import { DataServiceDefinition, toWireToken } from '@meridian/protocol'
import type { Refusal } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { isMeridianError, keyBytes } from '@meridian/topology'
import type { Key, ShardId, Token } from '@meridian/topology'

export interface DirectWrite {
  readonly session: string
  readonly sequence: bigint
  readonly key: Key
  readonly value: Uint8Array
}

export type DirectOutcome =
  | { readonly outcome: 'answered'; readonly index: bigint; readonly duplicate: boolean }
  | { readonly outcome: 'refused' | 'unknown'; readonly code: string; readonly newestLeader: string }

/** Longest wait for one answer, ms; longer than a node holds any request. */
const ANSWER_MS_MAX = 15_000

/**
 * Requests to one node without any router: under the token the caller names, once, whatever comes back. What a client
 * never does, done on purpose.
 */
export class DirectNode {
  readonly #pool: ChannelPool
  readonly #address: string

  constructor(pool: ChannelPool, address: string) {
    this.#pool = pool
    this.#address = address
  }

  async write(shardId: ShardId, token: Token, write: DirectWrite, signal: AbortSignal): Promise<DirectOutcome> {
    return this.#asked(async (client, options) => {
      const item = { sequence: write.sequence, key: Buffer.from(keyBytes(write.key)), value: Buffer.from(write.value) }
      const request = { shardId, token: toWireToken(token), session: write.session, items: [item] }
      const { outcome } = await client.write(request, options)
      if (outcome?.$case === 'refusal') return refused(outcome.value)
      const result = outcome?.value.items[0]
      if (result === undefined) return { outcome: 'unknown', code: 'INTERNAL', newestLeader: '' }
      if (result.code !== '') return { outcome: 'refused', code: result.code, newestLeader: '' }
      return { outcome: 'answered', index: result.index, duplicate: result.duplicate }
    }, signal)
  }

  async read(
    shardId: ShardId,
    token: Token,
    key: Key,
    mode: 'quorum' | 'lease',
    signal: AbortSignal,
  ): Promise<DirectOutcome> {
    return this.#asked(async (client, options) => {
      const request = {
        shardId,
        token: toWireToken(token),
        keys: [Buffer.from(keyBytes(key))],
        mode,
        maxStalenessMs: 0n,
      }
      const { outcome } = await client.read(request, options)
      if (outcome?.$case === 'refusal') return refused(outcome.value)
      if (outcome === undefined) return { outcome: 'unknown', code: 'INTERNAL', newestLeader: '' }
      return { outcome: 'answered', index: outcome.value.index, duplicate: false }
    }, signal)
  }

  async #asked(
    ask: (
      client: ReturnType<typeof clientOf<typeof DataServiceDefinition>>,
      options: { timeoutMs: number; signal: AbortSignal },
    ) => Promise<DirectOutcome>,
    signal: AbortSignal,
  ): Promise<DirectOutcome> {
    const client = clientOf(DataServiceDefinition, this.#pool.channel(this.#address))
    try {
      return await ask(client, { timeoutMs: ANSWER_MS_MAX, signal })
    } catch (error) {
      if (!isMeridianError(error)) throw error
      const outcome = error.code === 'OUTCOME_UNKNOWN' ? 'unknown' : 'refused'
      return { outcome, code: error.code, newestLeader: '' }
    }
  }
}

function refused(refusal: Refusal): DirectOutcome {
  const outcome = refusal.code === 'OUTCOME_UNKNOWN' ? 'unknown' : 'refused'
  return { outcome, code: refusal.code, newestLeader: refusal.newest?.leader ?? '' }
}
