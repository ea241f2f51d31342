import { compareTokens } from '@meridian/topology'
import type { ShardId, Token } from '@meridian/topology'

/** The highest token this client ever had an answer under, per shard: answers never go back (safety I17). */
export class TokenRatchet {
  readonly #seen = new Map<ShardId, Token>()

  /** False when a later life of the shard has already answered this client. */
  accept(shard: ShardId, token: Token): boolean {
    const seen = this.#seen.get(shard)
    if (seen !== undefined && compareTokens(token, seen) < 0) return false
    this.#seen.set(shard, token)
    return true
  }
}
