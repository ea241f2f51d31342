import { HybridClock } from '@meridian/hlc'
import { silentLogger } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import type { ShardRecord } from '@meridian/protocol'
import type { Store } from '@meridian/store'
import { nodeEpoch, nodeId, regionId, zoneId } from '@meridian/topology'
import type { NodeEpoch, NodeId, Revision, ZoneId } from '@meridian/topology'
import { assignmentsOf } from './assignments.ts'
import { bootstrapRegion } from './bootstrap.ts'
import { RegionController } from './controller.ts'
import { NodeRegistry } from './node-registry.ts'
import { OrderingWriter } from './ordering-writer.ts'
import type { OtherRegions } from './other-regions.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { REGION_TIMING } from './region-timing.ts'
import type { RegionTiming } from './region-timing.ts'
import { RigOthers, RigRanges } from './rig-ranges.ts'
import { violations, witness } from './region-witness.ts'
import type { Commit } from './region-witness.ts'
import { RegionView } from './region-view.ts'
import { RigPositions } from './rig-positions.ts'
import type { ReplicaPositions } from './replica-positions.ts'
import type { RenewalAnswer } from './renewal-batcher.ts'

/** For the tests of this package: region servers and nodes over any store, on any clock. */

export const EU = regionId('eu')

/** A stream of numbers in [0, 1) that replays from its seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export interface RigServerOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ranges: OwnedRanges
  readonly others: OtherRegions
  readonly positions: ReplicaPositions
  readonly name: string
  readonly wallMs: () => number
  readonly timing?: RegionTiming
  readonly replicaCount?: number
}

/** What one region server runs of this package. */
export class RigServer implements AsyncDisposable {
  readonly name: string
  readonly store: Store
  readonly view: RegionView
  readonly registry: NodeRegistry
  readonly controller: RegionController
  readonly #options: RigServerOptions

  private constructor(options: RigServerOptions, view: RegionView) {
    const { store, clock, ranges, others, name } = options
    this.#options = options
    const hlc = new HybridClock({ origin: name, physical: { nowMs: options.wallMs } })
    const writer = new OrderingWriter(store, hlc)
    this.name = name
    this.store = store
    this.view = view
    this.registry = new NodeRegistry({ region: EU, store, writer })
    this.controller = new RegionController({
      region: EU,
      store,
      view,
      ranges,
      others,
      writer,
      address: `${name}.test:7000`,
      replicaCount: options.replicaCount ?? 3,
      timing: options.timing ?? REGION_TIMING,
      clock,
      log: silentLogger,
      random: seeded(1),
      positions: options.positions,
      wallMs: options.wallMs,
    })
  }

  static async open(options: RigServerOptions): Promise<RigServer> {
    const signal = AbortSignal.timeout(20_000)
    await bootstrapRegion(options.store, signal)
    const view = await RegionView.open(
      options.store,
      { clock: options.clock, log: silentLogger, random: seeded(2) },
      signal,
    )
    return new RigServer(options, view)
  }

  /** See `assignmentsOf`. */
  assignments(node: NodeId, signal: AbortSignal): ReturnType<typeof assignmentsOf> {
    const { ranges, others } = this.#options
    return assignmentsOf({ view: this.view, region: EU, ranges, others }, node, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller[Symbol.asyncDispose]()
    await this.view[Symbol.asyncDispose]()
    await this.store[Symbol.asyncDispose]()
  }
}

/** A data node as the region sees it: it registers, renews, and reports what it has applied. */
export class RigNode {
  readonly id: NodeId
  readonly zone: ZoneId
  epoch: NodeEpoch = nodeEpoch(0)
  applied = 0n as Revision
  #seen = 0n as Revision
  /** While true the node applies nothing and sends nothing. */
  paused = false
  /** While true the node does not apply its assignments, and goes on renewing. */
  deaf = false
  readonly leases: (RenewalAnswer & { nodeEpoch: NodeEpoch; untilMs: number; grantedMs: number })[] = []
  /** What the server that it followed last has told it. */
  readonly held = new Map<string, ShardRecord>()
  #followed: RigServer | undefined
  /** What was applied when. */
  readonly history: { atMs: number; revision: Revision }[] = []
  /** When lives of this node ended. */
  readonly ends = new Map<bigint, number>()
  readonly #clock: Clock
  readonly errors: unknown[] = []

  constructor(id: string, zone: string, clock: Clock) {
    this.#clock = clock
    this.id = nodeId(id)
    this.zone = zoneId(zone)
  }

  async register(server: RigServer, signal: AbortSignal, attempt = ''): Promise<void> {
    this.epoch = await server.registry.register(
      {
        nodeId: this.id,
        zone: this.zone,
        address: `${this.id}.test:7001`,
        capacity: 100,
        previousEpoch: this.epoch,
        attempt,
      },
      signal,
    )
  }

  async follow(server: RigServer, signal: AbortSignal): Promise<void> {
    this.#followed = server
    for await (const update of server.assignments(this.id, signal)) {
      const { revision } = update
      if (this.#followed === server) {
        if (update.complete) this.held.clear()
        for (const record of update.shards) this.held.set(record.shardId, record)
        for (const id of update.removed) this.held.delete(id)
      }
      if (revision > this.#seen) this.#seen = revision
      this.catchUp()
    }
  }

  /** Applies what has arrived, unless it is paused or deaf. */
  catchUp(): void {
    if (this.paused || this.deaf || this.#seen <= this.applied) return
    this.applied = this.#seen
    this.history.push({ atMs: this.#clock.nowMs(), revision: this.applied })
  }

  /** The process ends; its disk, hence its epoch, stays. */
  kill(): void {
    this.paused = true
    if (!this.ends.has(this.epoch)) this.ends.set(this.epoch, this.#clock.nowMs())
  }

  async renew(servers: readonly RigServer[], signal: AbortSignal): Promise<void> {
    const request = { nodeId: this.id, nodeEpoch: this.epoch, appliedRevision: this.applied }
    const sentMs = this.#clock.nowMs()
    for (const server of servers.filter(({ controller }) => controller.isController)) {
      try {
        const answer = await server.controller.renew(request, signal)
        const grantedMs = this.#clock.nowMs()
        this.leases.push({ ...answer, nodeEpoch: request.nodeEpoch, untilMs: sentMs + answer.leaseMs, grantedMs })
        return
      } catch (error) {
        this.errors.push(error)
      }
    }
  }
}

/** A region in memory: every wait is on one manual clock. */
export class Rig implements AsyncDisposable {
  readonly clock = new ManualClock()
  readonly cluster = new MemoryCluster({ clock: this.clock })
  readonly ranges = new RigRanges()
  readonly others = new RigOthers()
  readonly servers: RigServer[] = []
  readonly nodes = new Map<string, RigNode>()
  readonly positions = new RigPositions(this.nodes)
  readonly commits: Commit[] = []
  readonly #ending = new AbortController()
  readonly #timing: RegionTiming

  constructor(timing: RegionTiming = REGION_TIMING) {
    this.#timing = timing
    void witness(new MemoryStore(this.cluster), this.clock, this.commits, this.signal)
  }

  /** What the history of E breaks. */
  violations(): string[] {
    const traces = [...this.nodes.values()].map((node) => ({
      nodeId: node.id,
      leases: node.leases,
      applied: node.history,
      ends: node.ends,
    }))
    return violations(this.commits, traces, this.#timing.nodeWaitMs, this.positions.served)
  }

  get signal(): AbortSignal {
    return this.#ending.signal
  }

  async server(name: string): Promise<RigServer> {
    const server = await RigServer.open({
      store: new MemoryStore(this.cluster),
      clock: this.clock,
      ranges: this.ranges,
      others: this.others,
      positions: this.positions,
      name,
      wallMs: () => 1_000_000 + this.clock.nowMs(),
      timing: this.#timing,
    })
    this.servers.push(server)
    for (const node of this.nodes.values()) void node.follow(server, this.signal)
    await this.clock.advance(0)
    return server
  }

  /** `a@z1 b@z2`: registered through the first server, following it, renewing every 2 s. */
  async join(world: string): Promise<void> {
    const server = this.servers[0]
    if (server === undefined) throw new Error('no server')
    for (const text of world.split(' ')) {
      const [id = '', zone = ''] = text.split('@')
      const node = new RigNode(id, zone, this.clock)
      this.nodes.set(id, node)
      await node.register(server, this.signal)
      for (const each of this.servers) void node.follow(each, this.signal)
      void this.#renewals(node)
    }
    await this.clock.advance(0)
  }

  node(id: string): RigNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  /** In steps, so that what one step started is seen by the next. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) await this.clock.advance(Math.min(50, left))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error('closed'))
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()))
    await this.cluster[Symbol.asyncDispose]()
  }

  async #renewals(node: RigNode): Promise<void> {
    while (!this.signal.aborted) {
      if (!node.paused) void node.renew(this.servers, this.signal)
      await this.clock.sleep(2000, this.signal).catch(() => {})
    }
  }
}
