import { ReplicaServiceDefinition } from '@meridian/protocol'
import type { QuarantinedEntry, ShardPosition } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import type { ShardId } from '@meridian/topology'
import type { AttemptOptions, CallOptions } from './region-calls.ts'

/** Entries of one page of a quarantine. */
const PAGE_ENTRIES = 500

/** What data nodes tell of their logs; each is asked at its own address, and asked once. */
export class NodeReports {
  readonly #pool: ChannelPool

  constructor(pool: ChannelPool) {
    this.#pool = pool
  }

  /** Where every log of the node ends. */
  async positions(address: string, options?: CallOptions): Promise<readonly ShardPosition[]> {
    return (await this.#client(address).getPositions({ shardIds: [] }, attempt(options))).positions
  }

  /** What the node's log of a shard held that a higher generation went on without, in order of position. */
  async *quarantine(address: string, shard: ShardId, options?: CallOptions): AsyncGenerator<QuarantinedEntry> {
    const client = this.#client(address)
    let last: QuarantinedEntry | undefined
    for (;;) {
      const { entries, more } = await client.listQuarantine(
        {
          shardId: shard,
          limit: PAGE_ENTRIES,
          afterIndex: last?.entry?.index ?? 0n,
          afterToken: last?.entry?.token,
        },
        attempt(options),
      )
      yield* entries
      last = entries.at(-1)
      if (!more || last === undefined) return
    }
  }

  /** Drops what the node keeps in quarantine of a shard, for good. Answers how many entries that were. */
  async dropQuarantine(address: string, shard: ShardId, options?: CallOptions): Promise<bigint> {
    return (await this.#client(address).dropQuarantine({ shardId: shard }, attempt(options))).entries
  }

  #client(address: string) {
    return clientOf(ReplicaServiceDefinition, this.#pool.channel(address))
  }
}

function attempt({ timeoutMs = 30_000, signal }: CallOptions = {}): AttemptOptions {
  return signal === undefined ? { timeoutMs } : { timeoutMs, signal }
}
