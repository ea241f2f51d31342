import { randomUUID } from 'node:crypto'
import { ClockGuardLoop, procUptimeClock, systemPhysicalClock } from '@meridian/hlc'
import { LoopScope } from '@meridian/loop'
import { ChannelPool, grpcTransport } from '@meridian/rpc'
import type { RpcServer } from '@meridian/rpc'
import { MeridianError, parseShardId } from '@meridian/topology'
import type { NodeEpoch, ShardId } from '@meridian/topology'
import type { DoorLeases } from '../fence/admit.ts'
import { LeaseClock, RegionLeases } from '../fence/lease-clock.ts'
import type { RangeGeneration } from '../fence/lease-clock.ts'
import type { ShardRecord } from '../fence/shard-record.ts'
import type { NodeStorage, OpenNodeStorage } from '../storage/node-storage.ts'
import { SqliteStorage } from '../storage/sqlite-storage.ts'
import { fromWireRecord } from '../wire.ts'
import { Ascents } from './ascents.ts'
import { dataService } from './data-service.ts'
import { confirmedIndex } from './read-modes.ts'
import { LagMeter } from './lag-meter.ts'
import { Membership } from './membership.ts'
import type { Assignments } from './membership.ts'
import { NODE_LIMITS } from './node-config.ts'
import type { DataNodeConfig } from './node-config.ts'
import { RegionApi } from './region-api.ts'
import { ReplicaPeers } from './replica-peers.ts'
import { replicaService } from './replica-service.ts'
import { ShardHost } from './shard-host.ts'
import type { ShardStatus } from './shard-status.ts'

export interface DataNodeStatus {
  readonly nodeId: string
  readonly address: string
  /** Undefined until the region has handed one out for this life. */
  readonly nodeEpoch: NodeEpoch | undefined
  /** Milliseconds left, by the node's clock; 0 when there is no lease. */
  readonly nodeLeaseMs: number
  readonly shards: readonly ShardStatus[]
}

/**
 * The reference data node: a replica of each shard its region assigns to it, leader of some. Answers nothing before
 * its region has handed it a node epoch and the disk has stored it, because until then nobody knows that the disk is
 * the one that made the promises.
 */
export class DataNode implements AsyncDisposable {
  readonly #config: DataNodeConfig
  readonly #storage: NodeStorage
  readonly #pool: ChannelPool
  readonly #peers: ReplicaPeers
  readonly #hosts = new Map<ShardId, ShardHost>()
  readonly #nodeLease = new LeaseClock()
  readonly #regionLeases = new RegionLeases()
  readonly #leases: DoorLeases = { node: this.#nodeLease, region: this.#regionLeases }
  readonly #ascents = new Ascents(NODE_LIMITS)
  readonly #guard: ClockGuardLoop
  readonly #loops: LoopScope
  #server: RpcServer | undefined
  #membership: Membership | undefined
  #life: NodeEpoch | undefined
  #registered = false
  #draining = false
  #closed: Promise<void> | undefined

  private constructor(config: DataNodeConfig, storage: NodeStorage) {
    this.#config = config
    this.#storage = storage
    this.#pool = new ChannelPool({
      ...config.dial,
      ...(config.transport === undefined ? {} : { transport: config.transport }),
    })
    this.#peers = new ReplicaPeers(this.#pool, () => ({
      nodeId: config.nodeId,
      address: config.advertise ?? this.address,
    }))
    const { clock, physical = systemPhysicalClock, log } = config
    const boot = 'boot' in config ? config.boot : procUptimeClock()
    this.#guard = new ClockGuardLoop({
      clock,
      physical,
      ...(boot === undefined ? {} : { boot }),
      onSuspect: ({ pair, byMs }) => {
        this.#nodeLease.drop()
        this.#regionLeases.drop()
        for (const host of this.#hosts.values()) host.forgetFreshness()
        this.#membership?.clockJumped()
        log.warn({ pair, byMs }, 'clocks disagree: every lease is dropped')
      },
    })
    this.#loops = new LoopScope(config.log, (_loop, error) => this.#broken(error))
    for (const shard of storage.shards) this.#hosts.set(shard, this.#open(shard))
  }

  /**
   * Opens the disk and listens; registering goes on in the background, for the region may come up later.
   *
   * @throws MeridianError PORT_IN_USE, WORLD_IN_USE, CONFIG_INVALID
   */
  static async start(config: DataNodeConfig): Promise<DataNode> {
    const { onBroken, openStorage = sqliteStorage } = config
    const storage = openStorage({
      dataDir: config.dataDir,
      nodeId: config.nodeId,
      ...(onBroken === undefined ? {} : { onFailure: onBroken }),
    })
    const node = new DataNode(config, storage)
    try {
      await node.#start()
    } catch (error) {
      await node[Symbol.asyncDispose]()
      throw error
    }
    return node
  }

  /** `host:port` that the node listens on. */
  get address(): string {
    return this.#server?.address ?? ''
  }

  status(): DataNodeStatus {
    return {
      nodeId: this.#config.nodeId,
      address: this.address,
      nodeEpoch: this.#life,
      nodeLeaseMs: Math.max(0, this.#nodeLease.validUntil - this.#config.clock.nowMs()),
      shards: [...this.#hosts.values()].map((host) => host.status),
    }
  }

  /** Accepts nothing new, waits a bounded time for what is under way, then closes. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#draining = true
    await this.#server?.[Symbol.asyncDispose]()
    await this.#loops[Symbol.asyncDispose]()
    for (const host of this.#hosts.values()) host.end()
    await this.#pool[Symbol.asyncDispose]()
    await this.#storage[Symbol.asyncDispose]()
  }

  async #start(): Promise<void> {
    const { clock, log, transport = grpcTransport } = this.#config
    const server = await transport.serve({
      listen: this.#config.listen,
      services: [
        dataService({
          clock,
          leases: this.#leases,
          lookAtClocks: () => this.#guard.look(),
          shard: (id) => this.#atDoor(id),
        }),
        replicaService({
          confirm: (host) => confirmedIndex({ clock, leases: this.#leases }, host),
          replica: (id) => this.#replica(id),
          hosts: () => {
            this.#mayAnswer()
            return this.#hosts
          },
          storage: this.#storage,
        }),
      ],
      log,
      drainMs: NODE_LIMITS.drainMs,
      ...(this.#config.protoDir === undefined ? {} : { protoDir: this.#config.protoDir }),
    })
    this.#server = server
    server.setServing(false)
    const lag = new LagMeter(clock, NODE_LIMITS.lagSampleMs)
    const membership = this.#joinRegion(lag, server.address)
    this.#membership = membership
    this.#loops.start('clock guard', (signal) => this.#guard.run(signal))
    this.#loops.start('lag', (signal) => lag.run(signal))
    this.#loops.start('ticks', (signal) => this.#tick(signal))
    this.#loops.start('membership', (signal) => membership.run(signal))
  }

  #joinRegion(lag: LagMeter, address: string): Membership {
    const { nodeId, zone, capacity, clock, log, regionServers } = this.#config
    return new Membership({
      nodeId,
      zone,
      address: this.#config.advertise ?? address,
      capacity,
      api: () => new RegionApi(this.#pool, regionServers),
      clock,
      log,
      random: this.#config.random ?? Math.random,
      newAttempt: this.#config.newAttempt ?? randomUUID,
      lag,
      identity: () => this.#storage.identity,
      storeIdentity: (identity) => this.#storage.storeIdentity(identity),
      probe: () => this.#storage.probe(clock.nowMs()),
      nodeLease: this.#nodeLease,
      regionLeases: this.#regionLeases,
      guard: this.#guard,
      ledPairs: () => this.#ledPairs(),
      onLife: (epoch) => {
        this.#life = epoch
        this.#registered = true
        this.#server?.setServing(true)
      },
      onLifeLost: () => {
        this.#life = undefined
        this.#ascents.clear()
        for (const host of this.#hosts.values()) host.stepDown()
      },
      onAssignments: (message) => this.#assign(message),
    })
  }

  /** True when the node led a shard before and no longer does. */
  #assign(message: Assignments): boolean {
    const life = this.#life
    if (life === undefined) return false
    const before = [...this.#hosts.values()].filter(leads)
    const named = new Set<ShardId>()
    for (const wire of message.shards) {
      const record = fromWireRecord(wire)
      named.add(record.shardId)
      this.#learn(record, life)
    }
    for (const id of message.removed) if (!named.has(parseShardId(id))) this.#remove(parseShardId(id))
    if (message.complete) for (const id of this.#hosts.keys()) if (!named.has(id)) this.#remove(id)
    this.#askForAuthority()
    return before.some((host) => !leads(host))
  }

  /** At once, but for a leadership that has to wait for others to be served. */
  #learn(record: ShardRecord, life: NodeEpoch): void {
    const host = this.#hostOf(record.shardId)
    if (!host.wouldRise(record, life)) this.#ascents.withdraw(record.shardId)
    else if (!this.#ascents.admit(record, this.#config.clock.nowMs())) return
    host.learn(record, life)
  }

  #remove(shard: ShardId): void {
    this.#ascents.withdraw(shard)
    this.#hosts.get(shard)?.remove()
  }

  #riseNext(): void {
    const life = this.#life
    if (life === undefined) return
    const isRising = (shard: ShardId): boolean => this.#hosts.get(shard)?.view?.role === 'sealing'
    const begin = this.#ascents.next(this.#config.clock.nowMs(), isRising)
    if (begin.length === 0) return
    for (const record of begin) this.#hostOf(record.shardId).learn(record, life)
    this.#askForAuthority()
  }

  /**
   * Of the region, for what is led without it, or with what is left from leading it before: who did not lead it when it last
   * asked did not have that renewed.
   */
  #askForAuthority(): void {
    const nowMs = this.#config.clock.nowMs()
    const untilAskedMs = NODE_LIMITS.confirmEveryMs + NODE_LIMITS.regionCallMs
    const lacks = (pair: RangeGeneration): boolean => !this.#regionLeases.check(pair, nowMs, untilAskedMs)
    if (this.#ledPairs().some(lacks)) this.#membership?.askForAuthority()
  }

  #ledPairs(): RangeGeneration[] {
    const pairs = new Map<string, RangeGeneration>()
    for (const host of this.#hosts.values()) {
      const { view } = host
      if (view === undefined || !leads(host)) continue
      const pair = { rangeId: view.newest.rangeId, generation: view.newest.token.generation }
      pairs.set(`${pair.rangeId}/${pair.generation}`, pair)
    }
    return [...pairs.values()]
  }

  #atDoor(id: string): ShardHost | undefined {
    this.#mayAnswer()
    return this.#hosts.get(parseShardId(id))
  }

  #replica(id: string): ShardHost {
    this.#mayAnswer()
    return this.#hostOf(parseShardId(id))
  }

  #mayAnswer(): void {
    if (this.#draining) throw new MeridianError('UNAVAILABLE', 'the node is shutting down')
    if (!this.#registered) throw new MeridianError('UNAVAILABLE', 'the node has no epoch yet')
  }

  #hostOf(id: ShardId): ShardHost {
    let host = this.#hosts.get(id)
    if (host === undefined) {
      if (this.#hosts.size >= NODE_LIMITS.shardsMax)
        throw new MeridianError('OVERLOADED', `a node holds at most ${NODE_LIMITS.shardsMax} shards`)
      host = this.#open(id)
      this.#hosts.set(id, host)
    }
    return host
  }

  #open(shardId: ShardId): ShardHost {
    const { nodeId, clock, log, bounds, rules } = this.#config
    return new ShardHost({
      shardId,
      self: nodeId,
      storage: this.#storage,
      peers: this.#peers,
      clock,
      log,
      bounds,
      rules,
      confirm: (host) => confirmedIndex({ clock, leases: this.#leases }, host),
      onBroken: (error) => this.#broken(error),
    })
  }

  async #tick(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#config.clock.sleep(NODE_LIMITS.tickMs, signal)
      for (const host of this.#hosts.values()) if (host.wantsTicks) host.tick()
      this.#riseNext()
    }
  }

  #broken(error: unknown): void {
    if (this.#config.onBroken !== undefined) {
      this.#config.onBroken(error)
      return
    }
    // A node that does not know its own state any more must not live on; nothing may catch this.
    setImmediate(() => {
      throw new Error('the data node is broken', { cause: error })
    })
  }
}

const sqliteStorage: OpenNodeStorage = (options) => new SqliteStorage(options)

function leads({ view }: ShardHost): boolean {
  return view !== undefined && (view.role === 'serving' || view.role === 'sealing')
}
