import type { CeilingStore } from '@meridian/hlc'
import { MemoryDisk } from '@meridian/data-node/memory'
import { Machine } from '../kernel/machine.ts'
import { SimProcess } from '../kernel/process.ts'
import type { Life, ProcessKind } from '../kernel/process.ts'
import { SimRandom } from '../kernel/random.ts'
import { Scheduler } from '../kernel/scheduler.ts'
import { Links } from '../net/links.ts'
import { SimNetwork } from '../net/network.ts'
import { SimBusNetwork } from '../net/sim-bus.ts'
import { SimEtcd } from '../store/sim-etcd.ts'
import { SimStore } from '../store/sim-store.ts'
import type { StoreTap } from '../store/sim-store.ts'
import type { Bends } from './bends.ts'
import { addressOf, regionsOf } from './plan.ts'
import type { Profile, RegionPlan } from './plan.ts'

/** Refused or acknowledged by one copy and not by the other, a write would have two ends; connections repeat nothing. */
const UNREPEATABLE = new Set(['DataService/Write'])

const CLOCK_SPREAD_MS = 40
/** Of worlds whose regions may stand still while G is away. */
const STANDSTILL_SHARE = 0.4

/** Something that should never happen, in whatever process. */
export interface Failure {
  readonly process: string
  readonly what: string
  readonly error: unknown
  readonly atMs: number
}

/**
 * What a simulated world consists of below the ports: machines, network, stores, bus, disks. What runs on them is
 * started by `servers`, `nodes` and `clients` and is the program's own code.
 */
export class SimWorld {
  readonly seed: number
  readonly profile: Profile
  readonly bends: Bends
  readonly scheduler: Scheduler
  readonly links: Links
  readonly network: SimNetwork
  readonly bus: SimBusNetwork
  readonly plans: readonly RegionPlan[]
  readonly processes = new Map<string, SimProcess>()
  /** By name: `g`, and each region. */
  readonly stores = new Map<string, SimEtcd>()
  readonly disks = new Map<string, MemoryDisk>()
  readonly failures: Failure[] = []
  storeTap: StoreTap | undefined
  readonly #ceilings = new Map<string, number>()

  constructor(seed: number, profile: Profile, bends: Bends = {}) {
    this.seed = seed
    this.profile = profile
    this.bends = bends
    this.scheduler = new Scheduler(SimRandom.of(seed, 'ties'))
    this.links = new Links(this.scheduler, SimRandom.of(seed, 'links'))
    this.network = new SimNetwork(this.scheduler, this.links, UNREPEATABLE, bends)
    this.bus = new SimBusNetwork(this.scheduler, this.links, bends)
    const standstill = profile.standstill ?? SimRandom.of(seed, 'standstill').chance(STANDSTILL_SHARE)
    this.plans = regionsOf(profile, { ...(bends.timing && { timing: bends.timing }), standstill })
    this.#store(
      'g',
      this.plans.map(({ region }) => ({ name: `g/${region}`, title: region, region })),
      [2000, 4500],
    )
    for (const { region, servers, nodes, client } of this.plans) {
      const members = [1, 2, 3].map((at) => ({ name: `e/${region}/${at}`, title: `${region}-e${at}`, region }))
      this.#store(region, members, [1000, 2200])
      for (const name of servers) this.#process(name, 'server', region)
      for (const name of nodes) {
        this.#process(name, 'node', region)
        this.disks.set(name, new MemoryDisk())
      }
      this.#process(client, 'client', region)
    }
  }

  get nowMs(): number {
    return this.scheduler.nowMs
  }

  process(name: string): SimProcess {
    const process = this.processes.get(name)
    if (process === undefined) throw new Error(`assertion: no process ${name}`)
    return process
  }

  store(name: string): SimEtcd {
    const store = this.stores.get(name)
    if (store === undefined) throw new Error(`assertion: no store ${name}`)
    return store
  }

  random(name: string): SimRandom {
    return SimRandom.of(this.seed, name)
  }

  openStore(name: string, life: Life): SimStore {
    return new SimStore({
      etcd: this.store(name),
      life,
      scheduler: this.scheduler,
      links: this.links,
      random: life.random,
      tap: this.storeTap,
      bends: this.bends,
    })
  }

  ceilingOf(life: Life, saved: (ceilingMs: number) => void): CeilingStore {
    const { name } = life.process
    const save = (ceilingMs: number): void => {
      if (!life.alive) return
      const raisedMs = Math.max(this.#ceilings.get(name) ?? 0, ceilingMs)
      this.#ceilings.set(name, raisedMs)
      saved(raisedMs)
    }
    return {
      load: () => this.#ceilings.get(name) ?? 0,
      save,
      saveAhead: async (ceilingMs) => {
        await life.clock.sleep(2)
        save(ceilingMs)
      },
    }
  }

  fail(process: string, what: string, error: unknown): void {
    this.failures.push({ process, what, error, atMs: this.nowMs })
  }

  #store(name: string, members: SimEtcd['members'], electionMs: readonly [number, number]): void {
    const { scheduler, links } = this
    const random = SimRandom.of(this.seed, `store ${name}`)
    this.stores.set(name, new SimEtcd({ name, scheduler, links, random, members, electionMs }))
  }

  #process(name: string, kind: ProcessKind, region: string): void {
    const random = SimRandom.of(this.seed, `machine ${name}`)
    const originMs = random.between(1000, 10_000_000)
    const machine = new Machine(this.scheduler, name, originMs, random.between(-CLOCK_SPREAD_MS, CLOCK_SPREAD_MS))
    const process = new SimProcess(name, kind, region, machine, this.seed)
    this.processes.set(name, process)
    this.network.place(addressOf(name), process)
  }
}
