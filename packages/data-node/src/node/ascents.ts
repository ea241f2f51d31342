import type { ShardId } from '@meridian/topology'
import type { ShardRecord } from '../fence/shard-record.ts'

export interface AscentBounds {
  /** Shards on their way to being served at once. */
  readonly risingMax: number
  /** A shard that takes longer keeps nobody waiting: its replicas may be away for good. */
  readonly risingMsMax: number
}

/**
 * The leaderships that this node is named to and has not begun. A takeover names a node to thousands at once, and each
 * costs calls to every replica before anything is served; begun all together, none ends before its calls time out, the
 * node is too busy to renew its lease, is given up, and the next one is named to all of them. A few at a time all of them
 * are served soon.
 *
 * To begin late is always safe: it is as if the record had come late.
 */
export class Ascents {
  readonly #bounds: AscentBounds
  /** In order of arrival, the newest record of each. */
  readonly #waiting = new Map<ShardId, ShardRecord>()
  readonly #risingSinceMs = new Map<ShardId, number>()

  constructor(bounds: AscentBounds) {
    this.#bounds = bounds
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** True: begin now. False: it waits, and `next` returns it in its turn. */
  admit(record: ShardRecord, nowMs: number): boolean {
    const { shardId } = record
    if (this.#waiting.size === 0 && this.#room(nowMs) > 0) {
      this.#risingSinceMs.set(shardId, nowMs)
      return true
    }
    this.#waiting.set(shardId, record)
    return false
  }

  /** Somebody else is to lead it, or nobody here. */
  withdraw(shard: ShardId): void {
    this.#waiting.delete(shard)
  }

  /** Nothing is led by this node any more. */
  clear(): void {
    this.#waiting.clear()
    this.#risingSinceMs.clear()
  }

  /** @param isRising whether the shard is still on its way. @returns what is to begin now */
  next(nowMs: number, isRising: (shard: ShardId) => boolean): ShardRecord[] {
    for (const shard of this.#risingSinceMs.keys()) if (!isRising(shard)) this.#risingSinceMs.delete(shard)
    if (this.#waiting.size === 0) return []
    const begin = [...this.#waiting.values()].slice(0, this.#room(nowMs))
    for (const { shardId } of begin) {
      this.#waiting.delete(shardId)
      this.#risingSinceMs.set(shardId, nowMs)
    }
    return begin
  }

  #room(nowMs: number): number {
    const { risingMax, risingMsMax } = this.#bounds
    let rising = 0
    for (const sinceMs of this.#risingSinceMs.values()) if (nowMs - sinceMs < risingMsMax) rising += 1
    return Math.max(0, risingMax - rising)
  }
}
