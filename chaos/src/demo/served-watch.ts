import { compareTokens, formatToken } from '@meridian/topology'
import type { Recorder } from '../history/recorder.ts'
import { parseToken } from '../history/token-text.ts'
import type { KnownShard } from './shards.ts'

const NS_PER_MS = 1e6

/** Waits, by looking at what was recorded, for the first write of each shard acknowledged after its leader was lost. */
export class ServedWatch {
  /** Milliseconds from the fault, one per shard, in the order they came. */
  readonly afterMs: number[] = []
  readonly #recorder: Recorder
  readonly #faultNs: number
  readonly #pending: Map<string, KnownShard>
  #read: number

  /** Records who leads each shard; `faultNs` is when that ends. */
  constructor(recorder: Recorder, shards: readonly KnownShard[], faultNs: number) {
    this.#recorder = recorder
    this.#faultNs = faultNs
    this.#pending = new Map(shards.map((shard) => [shard.route.shardId, shard]))
    for (const { route } of shards) {
      const { shardId: shard, leader: node, token } = route
      recorder.record({ kind: 'leader', shard, node, token: formatToken(token) }, faultNs)
    }
    this.#read = recorder.events.length
  }

  /** Looks at what is new; how many shards were not served yet. */
  poll(): number {
    const { events } = this.#recorder
    const fresh = events.slice(this.#read)
    this.#read = events.length
    for (const event of fresh) {
      if (event.kind !== 'write' || event.status !== 'ok') continue
      const shard = this.#pending.get(event.shard)
      if (shard === undefined || compareTokens(parseToken(event.token), shard.route.token) <= 0) continue
      this.#pending.delete(event.shard)
      const afterMs = (event.t - this.#faultNs) / NS_PER_MS
      this.afterMs.push(afterMs)
      this.#recorder.record({ kind: 'served', shard: event.shard, token: event.token, afterMs })
    }
    return this.#pending.size
  }
}
