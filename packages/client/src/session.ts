import type { ShardId } from '@meridian/topology'

/** What makes a write recognisable when it is sent again: the pair is applied at most once. */
export interface WriteIdentity {
  readonly session: string
  readonly sequence: bigint
}

/**
 * Identities for the writes of one client. A session belongs to the shard a write was first routed to, so that the
 * sequences one shard sees are dense and its window of recognised duplicates is not used up by writes to others. A
 * write keeps its identity wherever it is sent again.
 */
export class Sessions {
  readonly #client: string
  readonly #next = new Map<ShardId, bigint>()

  /** @param client unique over all clients that ever were: 128 random bits in practice */
  constructor(client: string) {
    this.#client = client
  }

  identify(shard: ShardId): WriteIdentity {
    const sequence = this.#next.get(shard) ?? 1n
    this.#next.set(shard, sequence + 1n)
    return { session: `${this.#client}:${shard}`, sequence }
  }
}
