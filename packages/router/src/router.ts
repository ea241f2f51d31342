import { StreamFollower } from '@meridian/feed'
import type { FeedBus, SnapshotSource } from '@meridian/feed'
import type { Clock, Logger } from '@meridian/loop'
import type { ShardRecord } from '@meridian/protocol'
import { GLOBAL_STREAM, regionStream, START_POSITION } from '@meridian/topology'
import type { Key, KeyspaceName, Position, RegionId, StreamId } from '@meridian/topology'
import { RouteMap } from './map.ts'
import type { Route, RouteResult } from './route.ts'

export interface RouterOptions {
  readonly bus: FeedBus
  readonly source: SnapshotSource
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
}

export interface StreamReport {
  readonly stream: StreamId
  readonly position: Position
  /** Milliseconds since the stream last proved that nothing was missing. */
  readonly ageMs: number
}

/**
 * The range map of all regions in memory, followed from the feed: one stream for the global tier, one for each region
 * it names. A lookup touches nothing but memory. A read that failed never removes a route: the map changes only by
 * what a stream delivered, and a stream out of reach merely grows old, which `reports` tells.
 */
export class Router implements AsyncDisposable {
  readonly #options: RouterOptions
  readonly #map = new RouteMap()
  readonly #followers = new Map<StreamId, StreamFollower>()
  readonly #listeners = new Set<() => void>()
  #closed = false

  constructor(options: RouterOptions) {
    this.#options = options
    const follower: StreamFollower = new StreamFollower({
      ...options,
      stream: GLOBAL_STREAM,
      onApplied: (changes) => {
        this.#map.global.apply(changes)
        this.#changed()
      },
      onResync: () => {
        this.#map.global.reset(follower.view.records)
        this.#changed()
      },
    })
    this.#followers.set(GLOBAL_STREAM, follower)
  }

  get map(): RouteMap {
    return this.#map
  }

  /** Resolves once the global stream and those of every region it names have been listed. */
  async synced(signal: AbortSignal): Promise<void> {
    await within(this.#follower(GLOBAL_STREAM).synced, signal)
    await within(Promise.all([...this.#followers.values()].map((follower) => follower.synced)), signal)
  }

  /** From memory; a microsecond. */
  route(keyspace: KeyspaceName, key: Key): RouteResult {
    return this.#map.route(keyspace, key)
  }

  /** From memory: a route to each replica of the key's shard that is up, for reads that may be stale. */
  replicas(keyspace: KeyspaceName, key: Key): readonly Route[] {
    return this.#map.replicas(keyspace, key)
  }

  /** Takes the newer record that a refusal carried. True when it was news. */
  adopt(record: ShardRecord): boolean {
    const news = this.#map.adopt(record)
    if (news) for (const listener of this.#listeners) listener()
    return news
  }

  /** Called after each change of the map; must not throw. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves once `stream` is applied up to `position`. */
  async waitFor(stream: StreamId, position: Position, signal: AbortSignal): Promise<void> {
    await this.#follower(stream).waitFor(position, signal)
  }

  /** Asks for a snapshot of a stream that is suspected to be behind; at most one fetch is under way per stream. */
  refresh(stream: StreamId, reason: string): void {
    this.#followers.get(stream)?.requestResync(reason)
  }

  reports(): readonly StreamReport[] {
    return [...this.#followers].map(([stream, follower]) => ({
      stream,
      position: follower.position ?? START_POSITION,
      ageMs: follower.ageMs(),
    }))
  }

  follower(stream: StreamId): StreamFollower | undefined {
    return this.#followers.get(stream)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#followers.values()].map((follower) => follower[Symbol.asyncDispose]()))
  }

  #follower(stream: StreamId): StreamFollower {
    const follower = this.#followers.get(stream)
    if (follower === undefined) throw new Error(`stream ${stream} is not followed`)
    return follower
  }

  #changed(): void {
    for (const region of this.#map.global.regions.keys()) this.#follow(region)
    this.#map.changed()
    for (const listener of this.#listeners) listener()
  }

  #follow(region: RegionId): void {
    const stream = regionStream(region)
    if (this.#closed || this.#followers.has(stream)) return
    const regional = this.#map.region(region)
    const follower: StreamFollower = new StreamFollower({
      ...this.#options,
      stream,
      onApplied: (changes) => {
        for (const { key, value } of changes) {
          if (value === undefined) regional.remove(key)
          else regional.put(key, value)
        }
        this.#changed()
      },
      onResync: () => {
        regional.reset(follower.view.records)
        this.#changed()
      },
    })
    this.#followers.set(stream, follower)
  }
}

async function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
