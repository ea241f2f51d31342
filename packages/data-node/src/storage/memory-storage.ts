import { nodeEpoch } from '@meridian/topology'
import type { ShardId } from '@meridian/topology'
import { DurableImage } from '../replica/durable-image.ts'
import type { LogBase } from '../replica/lineage.ts'
import type { Quarantined } from '../replica/quarantine.ts'
import type { DurableShard, ShardWrite } from '../replica/replica-state.ts'
import type { Checkpoint, StatePiece } from '../replica/shard-state.ts'
import { comparePlaces } from './node-storage.ts'
import type { NodeIdentity, NodeStorage, QuarantinePlace } from './node-storage.ts'

type Write = (disk: MemoryDisk) => void

/** What a node's disk holds, as a value that outlives the node: what a crash leaves, what an older image brings back. */
export class MemoryDisk {
  identity: NodeIdentity = { nodeEpoch: nodeEpoch(0), attempt: '' }
  readonly #shards = new Map<ShardId, DurableImage>()

  get shards(): readonly ShardId[] {
    return [...this.#shards.keys()]
  }

  load(shard: ShardId): DurableShard | undefined {
    return this.#shards.get(shard)?.shard
  }

  quarantine(shard: ShardId): readonly Quarantined[] {
    return this.#shards.get(shard)?.quarantine ?? []
  }

  /** What was staged does not outlive the life that staged it. */
  restarted(): void {
    for (const image of this.#shards.values()) image.restarted()
  }

  image(shard: ShardId): DurableImage {
    let image = this.#shards.get(shard)
    if (image === undefined) {
      image = new DurableImage()
      this.#shards.set(shard, image)
    }
    return image
  }

  /** As it is now; what is written later is not in it. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk()
    copy.identity = this.identity
    for (const [shard, image] of this.#shards) copy.#shards.set(shard, image.copy())
    return copy
  }
}

/**
 * The storage of one life of a node over a disk in memory. What is written until `sync` calls back becomes durable then,
 * together; that is where a simulation puts the time it takes.
 */
export class MemoryStorage implements NodeStorage {
  readonly #disk: MemoryDisk
  readonly #sync: (flush: () => void) => void
  #waiting: { readonly writes: Write[]; readonly done: Promise<void>; readonly resolve: () => void } | undefined
  #closed = false

  /** @param sync calls its argument once, later; never after the life has ended */
  constructor(disk: MemoryDisk, sync: (flush: () => void) => void) {
    this.#disk = disk
    this.#sync = sync
    disk.restarted()
  }

  get identity(): NodeIdentity {
    return this.#disk.identity
  }

  get shards(): readonly ShardId[] {
    return this.#disk.shards
  }

  storeIdentity(identity: NodeIdentity): Promise<void> {
    return this.#add((disk) => {
      disk.identity = identity
    })
  }

  load(shard: ShardId): DurableShard | undefined {
    return this.#disk.load(shard)
  }

  stage(shard: ShardId, id: number, piece: StatePiece): Promise<void> {
    return this.#add((disk) => disk.image(shard).stage(id, piece))
  }

  write(shard: ShardId, write: ShardWrite): Promise<void> {
    return this.#add((disk) => disk.image(shard).write(write))
  }

  checkpoint(shard: ShardId, delta: Checkpoint, base: LogBase): Promise<void> {
    return this.#add((disk) => disk.image(shard).checkpoint(delta, base))
  }

  quarantined(shard: ShardId): number {
    return this.#disk.quarantine(shard).length
  }

  quarantine(shard: ShardId, after: QuarantinePlace | undefined, limit: number): readonly Quarantined[] {
    const all = this.#disk.quarantine(shard)
    return all.filter((lost) => after === undefined || comparePlaces(lost.entry, after) > 0).slice(0, limit)
  }

  dropQuarantine(shard: ShardId): Promise<void> {
    return this.#add((disk) => disk.image(shard).dropQuarantine())
  }

  settled(): Promise<void> {
    return this.#waiting?.done ?? Promise.resolve()
  }

  probe(): Promise<void> {
    return this.#add(() => {})
  }

  /** The end of the life without a word: of what was not synced the first `share` is on the disk, the rest is lost. */
  crash(share: number): void {
    const writes = this.#waiting?.writes ?? []
    this.#waiting = undefined
    this.#closed = true
    for (const write of writes.slice(0, Math.round(writes.length * share))) write(this.#disk)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.crash(1)
    return Promise.resolve()
  }

  #add(write: Write): Promise<void> {
    if (this.#closed) return new Promise(() => {})
    if (this.#waiting === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting = { writes: [], done: promise, resolve }
      this.#sync(() => this.#flush())
    }
    this.#waiting.writes.push(write)
    return this.#waiting.done
  }

  #flush(): void {
    const batch = this.#waiting
    if (this.#closed || batch === undefined) return
    this.#waiting = undefined
    for (const write of batch.writes) write(this.#disk)
    batch.resolve()
  }
}
