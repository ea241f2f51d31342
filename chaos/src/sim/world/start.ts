import { MeridianClient } from '@meridian/client'
import type { ClientObserver } from '@meridian/client'
import { DataNode } from '@meridian/data-node'
import { MemoryStorage, RULES } from '@meridian/data-node/memory'
import type { MemoryDisk } from '@meridian/data-node/memory'
import { ClockBehindError } from '@meridian/hlc'
import type { ClockTap } from '@meridian/hlc'
import { silentLogger } from '@meridian/loop'
import type { Logger } from '@meridian/loop'
import { startRegionServer } from '@meridian/region-server'
import type { RegionServerPorts } from '@meridian/region-server'
import { nodeId, ZERO_TOKEN } from '@meridian/topology'
import type { ShardId, Token } from '@meridian/topology'
import type { Life } from '../kernel/process.ts'
import { transportOf } from '../net/transport.ts'
import { addressOf } from './plan.ts'
import type { RegionPlan } from './plan.ts'
import type { SimWorld } from './world.ts'

/** Pause before whoever watches over a process starts it again. */
const RESTART_MS = 1000

/** How long one sync of a disk takes, ms. */
const SYNC_MS = [0.2, 6] as const

/** Told of the lives of processes and of what their disks have; for who records. */
export interface LifeTap {
  begun(life: Life): void
  /** It ended by itself and will be started again. */
  gaveUp(life: Life): void
  clock(life: Life): ClockTap
  ceiling(life: Life, ceilingMs: number): void
  synced(life: Life, shard: ShardId, promisedBefore: Token, promised: Token, lastIndex: number): void
}

/** Starts and ends the processes of a world: the program's own classes on simulated ports. */
export class Processes {
  readonly #world: SimWorld
  readonly #storages = new Map<string, MemoryStorage>()
  readonly #nodes = new Map<string, DataNode>()
  /** Further time that a disk takes for a sync, ms. */
  readonly diskDelayMs = new Map<string, number>()
  log: (life: Life) => Logger = () => silentLogger
  tap: LifeTap | undefined

  constructor(world: SimWorld) {
    this.#world = world
  }

  startAll(): void {
    for (const plan of this.#world.plans) {
      for (const name of plan.servers) this.startServer(plan, name)
      for (const name of plan.nodes) this.startNode(plan, name)
    }
  }

  start(name: string): void {
    const plan = this.#world.plans.find(({ servers, nodes }) => servers.includes(name) || nodes.includes(name))
    if (plan === undefined) throw new Error(`assertion: ${name} is no server and no node`)
    if (plan.servers.includes(name)) this.startServer(plan, name)
    else this.startNode(plan, name)
  }

  startServer({ region, config }: RegionPlan, name: string): void {
    const world = this.#world
    const life = this.#begin(name)
    const place = config.servers.find((each) => each.id === nodeId(name))
    if (place === undefined) throw new Error(`assertion: ${name} has no place`)
    const { machine } = life.process
    const ceiling = world.ceilingOf(life, (ceilingMs) => this.tap?.ceiling(life, ceilingMs))
    const ports: RegionServerPorts = {
      clock: life.clock,
      physical: machine.wall,
      boot: machine.boot,
      wallUs: () => BigInt(Math.round(machine.wall.nowMs() * 1000)),
      random: life.random.next,
      ceiling: world.bends.ceiling?.(life, ceiling) ?? ceiling,
      ...(this.tap === undefined ? {} : { clockTap: this.tap.clock(life) }),
      fsync: async () => {
        const ms = life.random.between(...SYNC_MS)
        await life.clock.sleep(ms)
        return ms
      },
      transport: transportOf(world.network, life),
      openStore: (tier) => Promise.resolve(world.openStore(tier === 'global' ? 'g' : region, life)),
      openBus: () => Promise.resolve(world.bus.open(life)),
      openMetrics: () => Promise.resolve({ operation: () => {}, [Symbol.asyncDispose]: () => Promise.resolve() }),
    }
    const onFailure = (loop: string, error: unknown): void => {
      // A clock that has gone back is waited for, one start after the other.
      if (error instanceof ClockBehindError) this.#restart(life)
      else this.#failed(life, loop, error)
    }
    const options = { config, place, ports, log: this.log(life), onFailure }
    startRegionServer(options).catch((error: unknown) => onFailure('start', error))
  }

  startNode({ config, servers }: RegionPlan, name: string): void {
    const world = this.#world
    const life = this.#begin(name)
    const place = config.nodes.find((each) => each.id === nodeId(name))
    const disk = world.disks.get(name)
    if (place === undefined || disk === undefined) throw new Error(`assertion: ${name} has no place or no disk`)
    const { machine } = life.process
    const storage = new MemoryStorage(disk, (flush) => {
      const ms = life.random.between(...SYNC_MS) + (this.diskDelayMs.get(name) ?? 0)
      world.scheduler.after(ms, `sync ${name}`, () => life.deliver(() => this.#sync(life, disk, flush)))
    })
    this.#storages.set(name, storage)
    let attempts = 0
    const { bends } = world
    DataNode.start({
      nodeId: place.id,
      region: config.region,
      zone: place.zone,
      listen: place.listen,
      advertise: place.advertise,
      capacity: place.capacity,
      dataDir: '',
      regionServers: servers.map(addressOf),
      clock: life.clock,
      // A clock that is bent for a mutant is bent whole: the mistake is in who reads it, not in the machine.
      physical: { nowMs: () => machine.wall.nowMs() + (life.clock.nowMs() - machine.nowMs()) },
      boot: machine.boot,
      log: this.log(life),
      random: life.random.next,
      newAttempt: () => `${name}.${life.number}.${++attempts}`,
      openStorage: () => bends.storage?.(name, storage) ?? storage,
      ...(bends.rules && { rules: { ...RULES, ...bends.rules } }),
      transport: transportOf(world.network, life),
      onBroken: (error) => this.#failed(life, 'broken', error),
    }).then(
      (node) => {
        this.#nodes.set(name, node)
      },
      (error: unknown) => this.#failed(life, 'start', error),
    )
  }

  startClient({ client: name, servers }: RegionPlan, observe: ClientObserver): MeridianClient {
    const world = this.#world
    const life = this.#begin(name)
    return new MeridianClient({
      servers: servers.map(addressOf),
      bus: world.bus.open(life),
      dialling: { transport: transportOf(world.network, life) },
      name,
      id: `${name}.${life.number}`,
      clock: life.clock,
      log: this.log(life),
      random: life.random.next,
      observe,
    })
  }

  /** As by SIGKILL or a power cut: of what its disk was not asked to keep, `share` is there all the same. */
  kill(name: string, share = 0): void {
    const { life } = this.#world.process(name)
    if (life === undefined) return
    life.end()
    this.#storages.get(name)?.crash(share)
    this.#storages.delete(name)
    this.#nodes.delete(name)
  }

  node(name: string): DataNode | undefined {
    return this.#nodes.get(name)
  }

  #begin(name: string): Life {
    const life = this.#world.process(name).begin()
    const { handlerClock } = this.#world.bends
    if (handlerClock !== undefined)
      life.bendClock = (nowMs) => (life.handling === '' ? nowMs : handlerClock(life, life.handling, nowMs))
    this.tap?.begun(life)
    return life
  }

  #sync(life: Life, disk: MemoryDisk, flush: () => void): void {
    const before = new Map(disk.shards.map((shard) => [shard, disk.load(shard)?.promised ?? ZERO_TOKEN]))
    flush()
    for (const shard of disk.shards) {
      const now = disk.load(shard)
      if (now === undefined) continue
      const lastIndex = now.base.index + now.entries.length
      this.tap?.synced(life, shard, before.get(shard) ?? ZERO_TOKEN, now.promised, lastIndex)
    }
  }

  #failed(life: Life, what: string, error: unknown): void {
    if (!life.alive) return
    this.#world.fail(life.process.name, what, error)
    this.#restart(life)
  }

  #restart(life: Life): void {
    if (!life.alive) return
    const { name } = life.process
    this.tap?.gaveUp(life)
    this.kill(name, 1)
    this.#world.scheduler.after(RESTART_MS, `restart ${name}`, () => {
      if (this.#world.process(name).life === undefined) this.start(name)
    })
  }
}
