import type { MemoryStore } from '@meridian/store/memory'
import type { ShardRecord } from '@meridian/protocol'
import { keyOfText, nodeId, operationId, rangeId, shardId } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isOver } from './move-record.ts'
import { REGION_TIMING } from './region-timing.ts'
import { Rig, seeded } from './rig.ts'
import type { RigServer } from './rig.ts'
import { range } from './rig-ranges.ts'

const NODES = ['a', 'b', 'c', 'd'] as const
const BOUNDS = ['d', 'h', 'm', 't'] as const

const node = fc.constantFrom(...NODES)
const server = fc.constantFrom(0, 1)

/** What may happen to a region; `pass` in between lets some of it be answered. */
const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 9000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill' as const), node }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('start' as const), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pause' as const), node, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deaf' as const), node, on: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('hand-over' as const), shard: fc.nat(4), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('isolate' as const), server, on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flaky' as const), server, seed: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resign' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('split' as const), at: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('owner' as const), owner: fc.constantFrom('eu', 'us') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('move' as const), shard: fc.nat(4), from: node, to: node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stuck' as const), node, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drain' as const), node, on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('freeze' as const), on: fc.boolean() }) },
)
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

class Story {
  readonly rig = new Rig()
  #starts = 0
  #generation = 1
  #owner = 'eu'
  #bound: string | undefined
  #freezes = 0
  #moves = 0
  #hands: Promise<unknown>[] = []

  async begin(): Promise<void> {
    const first = await this.rig.server('s1')
    await this.rig.pass(500)
    await this.rig.server('s2')
    await this.rig.join('a@z1 b@z2 c@z3 d@z1')
    this.rig.ranges.set('1:-')
    await first.controller.openRange(range('1:-'), BOUNDS.map(keyOfText), this.rig.signal)
    await this.rig.pass(2500)
  }

  async happen(what: Happening): Promise<void> {
    const { rig } = this
    switch (what.kind) {
      case 'pass':
        return rig.pass(what.ms)
      case 'kill':
        return rig.node(what.node).kill()
      case 'start':
        return this.start(what.node)
      case 'pause': {
        const target = rig.node(what.node)
        // A killed process does not wake.
        if (!target.ends.has(target.epoch)) target.paused = what.on
        return target.catchUp()
      }
      case 'deaf':
        rig.node(what.node).deaf = what.on
        return rig.node(what.node).catchUp()
      case 'hand-over': {
        for (const { controller } of rig.servers.filter((each) => each.controller.isController)) {
          const shard = `1.${what.shard}` as Parameters<typeof controller.handOver>[0]
          this.#hands.push(controller.handOver(shard, nodeId(what.node), rig.signal).catch(() => {}))
        }
        return rig.clock.advance(0)
      }
      case 'drain': {
        const duty = what.on ? 'draining' : 'serving'
        for (const { controller } of rig.servers.filter((each) => each.controller.isController)) {
          this.#hands.push(controller.setDuty(nodeId(what.node), duty, false, rig.signal).catch(() => {}))
        }
        return rig.clock.advance(0)
      }
      case 'move': {
        const operation = operationId(`m${(this.#moves += 1)}`)
        const shard = shardId(rangeId(1), what.shard)
        const order = { operation, shardId: shard, from: nodeId(what.from), to: nodeId(what.to) }
        for (const { controller } of rig.servers.filter((each) => each.controller.isController)) {
          this.#hands.push(controller.moveReplica(order, rig.signal).catch(() => {}))
        }
        return rig.clock.advance(0)
      }
      case 'stuck':
        if (what.on) rig.positions.stuck.add(what.node)
        else rig.positions.stuck.delete(what.node)
        return undefined
      case 'isolate': {
        const { faults } = storeOf(this.server(what.server))
        return what.on ? faults.isolate() : faults.heal()
      }
      case 'flaky': {
        const random = seeded(what.seed)
        storeOf(this.server(what.server)).faults.decide = (call) => {
          if (call.kind !== 'txn' || random() > 0.3) return undefined
          return random() < 0.5 ? 'unknown-after' : 'unknown-before'
        }
        return undefined
      }
      case 'resign': {
        const leader = rig.servers.find(({ controller }) => controller.isController)
        if (leader === undefined) return undefined
        const closing = leader.controller[Symbol.asyncDispose]()
        await rig.pass(3000)
        await closing
        rig.servers.splice(rig.servers.indexOf(leader), 1)
        this.#closed.push(leader)
        await rig.server(`s${++this.#starts + 2}`)
        return undefined
      }
      case 'compact':
        return rig.cluster.compact(rig.cluster.revision as Revision)
      case 'split':
        this.#bound = this.#bound === undefined ? (BOUNDS[what.at] ?? 'd') : undefined
        return this.show()
      case 'owner':
        this.#owner = what.owner
        return this.show()
      case 'freeze':
        if (what.on) this.#freezes += 1
        return this.show(what.on ? `=!t${this.#freezes}` : '', 0)
    }
  }

  /** What G shows from now on. */
  show(mark = '', raise = 1): void {
    this.#generation += raise
    const rest = `@${this.#owner === 'eu' ? 'eu/us' : 'us/eu'}#${this.#generation}${mark}`
    const bound = this.#bound
    this.rig.ranges.set(...(bound === undefined ? [`1:-${rest}`] : [`1:-${bound}${rest}`, `2:${bound}-${rest}`]))
  }

  readonly #closed: RigServer[] = []

  server(index: number): RigServer {
    const found = this.rig.servers[index]
    if (found === undefined) throw new Error(`no server ${index}`)
    return found
  }

  /** A new process on the same disk; repeated until it is told its epoch. */
  async start(id: string): Promise<void> {
    const target = this.rig.node(id)
    target.kill()
    this.#starts += 1
    for (const each of this.rig.servers) {
      try {
        await target.register(each, this.rig.signal, `start-${this.#starts}`)
        target.paused = false
        return target.catchUp()
      } catch {
        // Through the next server, as the same start.
      }
    }
  }

  /** Everything works again, for long enough. */
  async heal(): Promise<void> {
    const { rig } = this
    for (const each of rig.servers) {
      storeOf(each).faults.decide = undefined
      storeOf(each).faults.heal()
    }
    await rig.pass(4000)
    for (const id of NODES) {
      rig.node(id).deaf = false
      await this.start(id)
    }
    this.#owner = 'eu'
    this.show()
    rig.positions.stuck.clear()
    await rig.pass(3 * REGION_TIMING.nodeWaitMs)
    const moving = (): boolean =>
      this.server(0)
        .controller.moves()
        .some((move) => !isOver(move))
    for (let ms = 0; moving() && ms < 2 * REGION_TIMING.moveDeadlineMs; ms += 1000) await rig.pass(1000)
    await Promise.all(this.#hands)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]()
    await Promise.all(this.#closed.map((each) => each[Symbol.asyncDispose]()))
  }
}

function byShard(a: ShardRecord, b: ShardRecord): number {
  return a.shardId < b.shardId ? -1 : 1
}

function storeOf(of: RigServer): MemoryStore {
  return of.store as MemoryStore
}

it('whatever happens: one leader per token, rising epochs, justified takeovers, exclusive leases; and in the end all is led', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 4, maxLength: 24 }), async (story) => {
      await using told = new Story()
      await told.begin()
      for (const what of story) await told.happen(what)
      await told.heal()
      expect(told.rig.violations()).toEqual([])
      const shards = [...told.server(0).view.pages.values()].flatMap(({ page }) => page.shards)
      expect(shards.map(({ shardId }) => shardId).toSorted()).toEqual(['1.0', '1.1', '1.2', '1.3', '1.4'])
      expect(shards.filter(({ status }) => status !== 'assigned')).toEqual([])
      expect(shards.filter(({ change }) => change !== undefined)).toEqual([])
      expect(
        told
          .server(0)
          .controller.moves()
          .filter((move) => !isOver(move)),
      ).toEqual([])
      for (const id of NODES) {
        const { held } = told.rig.node(id)
        for await (const update of told.server(0).assignments(nodeId(id), told.rig.signal)) {
          expect([...held.values()].toSorted(byShard)).toEqual(update.shards.toSorted(byShard))
          break
        }
      }
    }),
    { numRuns: 60 },
  )
}, 120_000)
