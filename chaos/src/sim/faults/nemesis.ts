import type { FaultOnEvent } from '../../history/run-event.ts'
import type { SimRecorder } from '../record/sim-recorder.ts'
import type { Processes } from '../world/start.ts'
import type { SimWorld } from '../world/world.ts'
import { FAULT_NAMES } from './fault-step.ts'
import type { FaultKind, FaultStep } from './fault-step.ts'

type Undo = () => void

/**
 * What was struck works again only when somebody is elected in its place or in its own: for the longest of the leases of
 * elections, and the look before.
 */
const SETTLE_MS = 8000
const SETTLING: ReadonlySet<FaultKind> = new Set([
  'kill',
  'storm',
  'pause',
  'cut',
  'cut-one-way',
  'isolate',
  'store-down',
  'lossy-link',
  'slow-link',
])

/** Carries out a schedule, and tells of each fault when it took effect and when it was over. */
export class Nemesis {
  /** How many of each kind took effect. */
  readonly counts = new Map<FaultKind, number>()
  readonly #world: SimWorld
  readonly #processes: Processes
  readonly #recorder: SimRecorder
  readonly #open = new Set<Undo>()
  #ids = 0

  constructor(world: SimWorld, processes: Processes, recorder: SimRecorder) {
    this.#world = world
    this.#processes = processes
    this.#recorder = recorder
  }

  /** Times of the steps count from now. */
  begin(steps: readonly FaultStep[]): void {
    const { scheduler } = this.#world
    for (const step of steps) {
      scheduler.after(step.atMs, `fault ${step.kind}`, () => {
        const undo = this.#strike(step)
        if (undo === undefined) return
        this.counts.set(step.kind, (this.counts.get(step.kind) ?? 0) + 1)
        const once = (): void => {
          if (!this.#open.delete(once)) return
          undo()
        }
        this.#open.add(once)
        scheduler.after(step.forMs, `end of ${step.kind}`, once)
      })
    }
  }

  /** Undoes whatever is not undone yet. */
  healAll(): void {
    for (const undo of this.#open) undo()
  }

  /** Undefined: there was nothing to strike. */
  #strike(step: FaultStep): Undo | undefined {
    const { kind, target, amount } = step
    switch (kind) {
      case 'kill':
        return this.#kill(kind, [target], amount)
      case 'storm': {
        const nodes = this.#world.plans.find(({ region }) => region === target)?.nodes ?? []
        return this.#kill(kind, nodes, amount)
      }
      case 'region-down':
        return this.#regionDown(step)
      case 'disk-back':
        return undefined
      case 'pause':
        return this.#pause(step)
      case 'cut-one-way':
      case 'cut':
      case 'isolate':
        return this.#cut(step)
      case 'slow-link':
      case 'lossy-link':
        return this.#trouble(step)
      case 'clock-jump':
      case 'clock-rate':
      case 'clock-freeze':
        return this.#clock(step)
      case 'store-down':
        return this.#storeDown(step)
      case 'compaction': {
        const { cluster } = this.#world.store(target)
        cluster.compact(cluster.revision)
        return this.#told(kind, `store:${target}`, {})
      }
      case 'disk-slow':
        this.#processes.diskDelayMs.set(target, amount)
        return this.#told(kind, this.#nameOf(target), { ms: amount }, () => this.#processes.diskDelayMs.delete(target))
    }
  }

  #kill(kind: FaultKind, names: readonly string[], share: number): Undo | undefined {
    const struck = names.filter((name) => this.#world.process(name).life !== undefined)
    if (struck.length === 0) return undefined
    const undos = struck.map((name) => {
      this.#processes.kill(name, share)
      return this.#told(kind, this.#nameOf(name), {}, () => {
        if (this.#world.process(name).life === undefined) this.#processes.start(name)
      })
    })
    return () => {
      for (const undo of undos) undo()
    }
  }

  /** One fault for the whole of it: what its processes were killed by is over at once, and it is the region that is away. */
  #regionDown({ kind, target, amount }: FaultStep): Undo | undefined {
    const plan = this.#world.plans.find(({ region }) => region === target)
    if (plan === undefined) return undefined
    const members = [...this.#world.stores.values()].flatMap((store) =>
      store.members.flatMap((member) => (member.region === target && store.isUp(member) ? [{ store, member }] : [])),
    )
    const processes = [...plan.servers, ...plan.nodes].filter((name) => this.#world.process(name).life !== undefined)
    if (processes.length === 0) return undefined
    for (const { store, member } of members) store.stopMember(member)
    for (const name of processes) {
      this.#processes.kill(name, amount)
      this.#told(kind, this.#nameOf(name), {})()
    }
    const back = this.#told(kind, `region:${target}`, {}, () => {
      // Stores first: what is started asks them.
      for (const { store, member } of members) store.startMember(member)
      for (const name of processes) if (this.#world.process(name).life === undefined) this.#processes.start(name)
    })
    return this.#settling(target, back)
  }

  /** The region itself is back at once, and its leaders are elected a while later. */
  #settling(region: string, back: Undo): Undo {
    return () => {
      back()
      const settled = this.#record({ fault: 'storm', target: `region:${region}/back` }, {})
      this.#world.scheduler.after(SETTLE_MS, 'region settled', settled)
    }
  }

  #pause({ kind, target }: FaultStep): Undo | undefined {
    const { life } = this.#world.process(target)
    if (life === undefined || life.stopped) return undefined
    life.stop()
    return this.#told(kind, this.#nameOf(target), {}, () => life.resume(this.#world.scheduler))
  }

  #cut({ kind, target }: FaultStep): Undo | undefined {
    const { links } = this.#world
    const [from = '', to = '*'] = target.split('>')
    if (from === to) return undefined
    const ways: (readonly [string, string])[] = [[from, to]]
    if (kind !== 'cut-one-way') ways.push([to, from])
    for (const way of ways) links.cut(...way)
    const name = kind === 'isolate' ? this.#nameOf(target) : `link:${target}`
    const heal = (): void => {
      for (const way of ways) links.heal(...way)
    }
    const isRegion = kind === 'isolate' && !this.#world.processes.has(target)
    return isRegion ? this.#settling(target, this.#told(kind, name, {}, heal, 0)) : this.#told(kind, name, {}, heal)
  }

  #trouble({ kind, target, amount }: FaultStep): Undo {
    const { links } = this.#world
    links.trouble(
      target,
      kind === 'slow-link' ? { loss: 0, repeat: 0, delayMs: amount } : { loss: amount, repeat: amount, delayMs: 20 },
    )
    return this.#told(kind, `link:${target}`, { amount }, () => links.trouble(target, undefined))
  }

  #clock({ kind, target, amount }: FaultStep): Undo {
    const { machine } = this.#world.process(target)
    const name = this.#nameOf(target)
    if (kind === 'clock-jump') {
      machine.stepWall(amount)
      // Set right in the end. What was stamped ahead of everybody keeps them from stamping until their clocks have come there.
      const settleMs = Math.abs(amount) + SETTLE_MS
      return this.#told(kind, name, { ms: amount }, () => machine.stepWall(-amount), settleMs)
    }
    if (kind === 'clock-rate') {
      machine.setRate(amount)
      return this.#told(kind, name, { rate: amount }, () => machine.setRate(1))
    }
    machine.freeze(amount === 1 ? 'seen' : 'unseen')
    return this.#told(kind, name, { seen: amount }, () => machine.thaw())
  }

  #storeDown({ kind, target, amount }: FaultStep): Undo | undefined {
    const store = this.#world.store(target)
    const up = store.members.filter((member) => store.isUp(member))
    const leader = store.leader ?? up[0]
    if (leader === undefined || up.length < store.members.length) return undefined
    const others = up.filter((member) => member !== leader)
    const majority = Math.floor(store.members.length / 2)
    const struck = amount === 1 ? [leader, ...others.slice(0, majority)] : [leader]
    for (const member of struck) store.stopMember(member)
    const quorum = struck.length > majority ? 'lost' : 'kept'
    return this.#told(kind, `store:${target}`, { members: struck.length, quorum }, () => {
      for (const member of struck) store.startMember(member)
    })
  }

  #told(
    kind: FaultKind,
    target: string,
    params: FaultOnEvent['params'],
    undo: Undo = () => {},
    settleMs = SETTLING.has(kind) ? SETTLE_MS : 0,
  ): Undo {
    const over = this.#record({ fault: FAULT_NAMES[kind], target }, params)
    return () => {
      undo()
      if (settleMs === 0) over()
      else this.#world.scheduler.after(settleMs, 'fault over', over)
    }
  }

  /** Writes down that it began; returns the way to write down that it is over. */
  #record(what: Pick<FaultOnEvent, 'fault' | 'target'>, params: FaultOnEvent['params']): Undo {
    const id = `f${++this.#ids}`
    this.#recorder.record({ kind: 'fault.on', id, ...what, params })
    return () => this.#recorder.record({ kind: 'fault.off', id, ...what })
  }

  #nameOf(target: string): string {
    const process = this.#world.processes.get(target)
    return process === undefined ? `region:${target}` : `${process.kind}:${target}`
  }
}
