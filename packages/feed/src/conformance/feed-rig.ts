import { silentLogger } from '@meridian/loop'
import { seededRandom } from '@meridian/testkit'
import type { SeededRandom } from '@meridian/testkit'
import { comparePositions, MeridianError, regionId, regionStream } from '@meridian/topology'
import type { Position } from '@meridian/topology'
import type { FeedBus } from '../bus.ts'
import { MemoryBusShim } from '../memory/memory-bus-shim.ts'
import type { RecordChange, Snapshot, SnapshotSource } from '../snapshot.ts'
import { StreamFollower } from '../stream-follower.ts'
import { StreamPublisher } from '../stream-publisher.ts'
import { FeedChecker } from './feed-checker.ts'
import type { FeedWorld } from './feed-world.ts'
import { StreamHistory } from './stream-history.ts'

export const BEACON_EVERY_MS = 200

/** Each rig has a stream of its own, so that one test's late messages are not the next one's. */
let rigs = 0

export interface CheckedFollower {
  readonly name: string
  readonly follower: StreamFollower
  readonly checker: FeedChecker
  readonly shim: MemoryBusShim
  discards: number
}

/** A made-up store, publishers that see its commits, a snapshot source that may be down, and checked followers. */
export class FeedRig implements AsyncDisposable {
  readonly world: FeedWorld
  readonly random: SeededRandom
  readonly history: StreamHistory
  readonly publishers = new Set<StreamPublisher>()
  readonly followers: CheckedFollower[] = []
  /** Fetches fail while it is false. */
  sourceUp = true
  fetches = 0
  readonly #resources = new AsyncDisposableStack()
  #stamps = 0

  constructor(world: FeedWorld, seed: number) {
    this.world = world
    this.random = seededRandom(seed)
    rigs += 1
    this.history = new StreamHistory(regionStream(regionId(`test-${rigs}`)))
    this.#resources.defer(async () => {
      for (const publisher of this.publishers) await publisher[Symbol.asyncDispose]()
    })
  }

  readonly source: SnapshotSource = {
    fetch: async (_stream, signal): Promise<Snapshot> => {
      this.fetches += 1
      await this.world.clock.sleep(this.random.next() * 10, signal)
      if (!this.sourceUp) throw new MeridianError('UNAVAILABLE', 'the snapshot source is down')
      return this.history.snapshotAt()
    },
  }

  async bus(name: string): Promise<FeedBus> {
    return this.#resources.use(await this.world.open(name))
  }

  /** Begins at the head of the store and sees what is committed from then on. */
  async publisher(name: string): Promise<StreamPublisher> {
    const publisher = new StreamPublisher({
      stream: this.history.stream,
      incarnation: this.history.head.incarnation,
      bus: await this.bus(name),
      clock: this.world.clock,
      stamp: () => String(++this.#stamps).padStart(12, '0'),
      publisher: name,
      log: silentLogger,
      beaconEveryMs: BEACON_EVERY_MS,
    })
    publisher.start(this.history.snapshotAt())
    this.publishers.add(publisher)
    return publisher
  }

  async stop(publisher: StreamPublisher): Promise<void> {
    this.publishers.delete(publisher)
    await publisher[Symbol.asyncDispose]()
  }

  async follower(name: string): Promise<CheckedFollower> {
    const { clock } = this.world
    const random = seededRandom(this.random.int(2 ** 32))
    const shim = new MemoryBusShim({ inner: await this.bus(name), clock, random: () => random.next() })
    const checker = new FeedChecker(this.history)
    const follower = new StreamFollower({
      stream: this.history.stream,
      bus: shim,
      source: this.source,
      clock,
      log: silentLogger,
      random: () => random.next(),
      onApplied: (_changes, position) => checker.applied(position, follower.view.records),
      onResync: (position) => checker.resynced(position, follower.view.records),
      onDiscard: () => {
        checked.discards += 1
      },
    })
    const checked: CheckedFollower = { name, follower, checker, shim, discards: 0 }
    this.#resources.use(follower)
    this.followers.push(checked)
    return checked
  }

  /** A follower that has its first snapshot. */
  async syncedFollower(name: string): Promise<CheckedFollower> {
    const checked = await this.follower(name)
    let synced = false
    const sync = checked.follower.synced.then(() => {
      synced = true
    })
    await this.world.until(
      `${name} is synced`,
      () => synced,
      () => this.describe(),
    )
    await sync
    return checked
  }

  commit(changes: readonly RecordChange[] = this.#anything()): Position {
    const position = this.history.commit(changes, this.random.int(4) === 0 ? 2 : 0)
    for (const publisher of this.publishers) {
      publisher.update(position.revision, changes)
      publisher.headKnown()
    }
    return position
  }

  /** All publishers see that nothing more was committed. */
  headKnown(): void {
    for (const publisher of this.publishers) publisher.headKnown()
  }

  /** Until all followers hold the store's last records at its last published position, without a violation so far. */
  async converged(): Promise<void> {
    await this.world.until(
      'all followers hold the last records',
      () => {
        this.headKnown()
        return this.followers.every(({ follower, checker }) => {
          const there = [...this.publishers].every((one) => comparePositions(follower.position, one.position) >= 0)
          return there && follower.state === 'following' && checker.converged(follower.view.records)
        })
      },
      () => this.describe(),
    )
  }

  get violations(): string[] {
    return this.followers.flatMap(({ name, checker }) => checker.violations.map((violation) => `${name}: ${violation}`))
  }

  describe(): string {
    const lines = this.followers.map(({ name, follower }) => {
      const { incarnation, revision } = follower.position
      return `${name}: ${follower.state} at ${incarnation}/${revision}, ${JSON.stringify(follower.counters)}`
    })
    const { incarnation, revision } = this.history.head
    return [`store at ${incarnation}/${revision}, ${this.fetches} fetches`, ...lines, ...this.violations].join('\n')
  }

  async pause(msMax: number): Promise<void> {
    const untilMs = this.world.clock.nowMs() + this.random.next() * msMax
    await this.world.until('a moment passes', () => this.world.clock.nowMs() >= untilMs)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }

  #anything(): RecordChange[] {
    return Array.from({ length: 1 + this.random.int(3) }, () => ({
      key: `/node/n${this.random.int(6)}`,
      value: this.random.int(4) === 0 ? undefined : Buffer.from(`v${this.random.int(1_000)}`),
    }))
  }
}
