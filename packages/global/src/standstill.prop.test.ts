import { LoopScope, silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import { seededRandom, seedOf } from '@meridian/testkit'
import { EMPTY_KEY, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { expect, test } from 'vitest'
import { Authority } from './authority.ts'
import type { TakeGate } from './authority.ts'
import { PromiseKeeper } from './promise-keeper.ts'
import { RegionAgent } from './region-agent.ts'
import { Standstill } from './standstill.ts'
import { takeoverTimingOf } from './takeover-core.ts'
import { CITIES, EAST, nextOperation, openGlobalServer, WEST } from './world.ts'

const SOUTH = regionId('ap-southeast')
const REGIONS = [EAST, WEST, SOUTH]
const LEASE_MS = 9000
const PROMISE_MS = 20_000
const seed = seedOf('standstill')

interface Naughty {
  /** The region that nobody has to ask. */
  readonly unasked?: RegionId
  /** Authorities that take whatever their region has promised. */
  readonly faithless?: boolean
}

/**
 * Three regions, each with an agent that may stand still, a keeper of promises over its own E, and an authority. The
 * global tier goes away, for all or for some; links between regions break; servers start anew; a region's E is away.
 * Judged: when a range is taken, nobody vouches for it to its old owner any more, nor has done so for later.
 */
async function run(number: number, naughty: Naughty = {}, outages = true) {
  const random = seededRandom((seed + number) >>> 0)
  const clock = new ManualClock()
  const cluster = new MemoryCluster({ clock })
  await using stack = new AsyncDisposableStack()
  const errors: unknown[] = []
  const violations: string[] = []
  const vouchedMs = new Map<string, number>()
  let takes = 0
  let stoodMs = 0

  const sides = await Promise.all(
    REGIONS.map(async (region) => {
      const g = stack.use(await openGlobalServer(cluster, region, undefined, { clock }))
      const regional = new MemoryCluster({ clock })
      return { region, g, regional, eStore: new MemoryStore(regional), provenMs: 0, cutFrom: new Set<RegionId>() }
    }),
  )
  type Side = (typeof sides)[number]
  const [east] = sides
  if (east === undefined) throw new Error('three sides')
  for (const { region } of sides) {
    const value = Buffer.from(JSON.stringify({ region, displayName: region, servers: [] }))
    await east.g.store.txn(
      { guards: [], operations: [{ kind: 'put', key: `/member/${region}`, value }] },
      east.g.signal,
    )
  }
  const create = { kind: 'create-keyspace', keyspace: CITIES, owner: EAST, standbys: [WEST, SOUTH] } as const
  await east.g.service.mutate(nextOperation(), create, east.g.signal)
  for (const { g } of sides) await g.service.catchUp(g.signal)

  const scope = stack.use(new LoopScope(silentLogger, (_, error) => errors.push(error)))
  const keepers = new Map<RegionId, PromiseKeeper>()
  const openKeeper = async (side: Side) => {
    await keepers.get(side.region)?.[Symbol.asyncDispose]()
    keepers.delete(side.region)
    side.eStore = new MemoryStore(side.regional)
    const keeper = await PromiseKeeper.open(
      {
        region: side.region,
        store: side.eStore,
        globalWorks: () => clock.nowMs() - side.provenMs < 3000,
        members: () => REGIONS,
        promiseMs: PROMISE_MS,
        clock,
        log: silentLogger,
        random: () => random.next(),
      },
      side.g.signal,
    )
    keepers.set(side.region, keeper)
  }
  for (const side of sides) await openKeeper(side)
  stack.defer(async () => {
    for (const keeper of keepers.values()) await keeper[Symbol.asyncDispose]()
  })

  const agents = new Map<RegionId, RegionAgent>()
  for (const side of sides) {
    const { region, g } = side
    scope.start(`proof ${region}`, async (signal) => {
      while (!signal.aborted) {
        const proven = await g.store.get('/inc', { signal }).then(
          () => true,
          () => false,
        )
        if (proven) side.provenMs = clock.nowMs()
        await clock.sleep(500, signal).catch(() => {})
      }
    })
    const standstill = new Standstill({
      region,
      members: () => REGIONS.filter((each) => each !== naughty.unasked),
      ask: async (other, signal) => {
        await clock.sleep(random.next() * 200, signal)
        const keeper = keepers.get(other)
        if (keeper === undefined || side.cutFrom.has(other)) throw new Error('no way there')
        const promise = await keeper.promise(region, signal)
        await clock.sleep(random.next() * 200, signal)
        return { ...promise, members: promise.members.filter((each) => each !== naughty.unasked) }
      },
      askBelowMs: LEASE_MS - 3000,
      askEveryMs: 1000,
      clock,
      log: silentLogger,
    })
    const agent = new RegionAgent({
      region,
      store: g.store,
      view: g.view,
      clock,
      log: silentLogger,
      leaseMs: LEASE_MS,
      renewEveryMs: 2000,
      guard: { jumps: 0, cleared: () => true },
      standstill,
    })
    agents.set(region, agent)
    scope.start(`standstill ${region}`, (signal) => standstill.run(signal))
    scope.start(`agent ${region}`, (signal) => agent.run(signal))
    const gate: TakeGate = {
      acquire: async (from, revision, signal) => {
        if (naughty.faithless === true) return undefined
        const keeper = keepers.get(region)
        return keeper === undefined ? 'the keeper is away' : keeper.acquire(from, revision, signal)
      },
      returned: (from, revision) => keepers.get(region)?.returned(from, revision),
    }
    const authority = new Authority({
      store: g.store,
      view: g.view,
      ownership: g.service,
      address: `${region}:1`,
      electionTtlMs: 3000,
      timing: { ...takeoverTimingOf(LEASE_MS), coolDownMs: 1000 },
      standbyFacts: () => ({ hasPage: true }),
      gate,
      clock,
      wallMs: () => 1_800_000_000_000 + clock.nowMs(),
      log: silentLogger,
      random: () => random.next(),
    })
    scope.start(`authority ${region}`, (signal) => authority.run(signal))
  }

  const pairOf = (view: (typeof east)['g']['view']) => {
    const range = view.ranges.find(CITIES, EMPTY_KEY)
    if (range === undefined) throw new Error('one range')
    return { rangeId: range.rangeId, generation: range.generation, owner: range.owner }
  }
  const judge = await openGlobalServer(cluster, 'judge')
  stack.use(judge)
  let before = pairOf(judge.view)
  const ask = (region: RegionId, pair: { rangeId: typeof before.rangeId; generation: typeof before.generation }) => {
    const leftMs = agents.get(region)?.confirm([pair]).confirmed[0]?.remainingMs ?? 0
    const key = `${pair.rangeId}/${pair.generation}`
    if (leftMs > 0) vouchedMs.set(key, Math.max(vouchedMs.get(key) ?? 0, clock.nowMs() + leftMs))
    return leftMs
  }
  judge.view.subscribe(() => {
    const now = pairOf(judge.view)
    if (now.generation === before.generation) return
    takes += 1
    ask(before.owner, before)
    const lateMs = (vouchedMs.get(`${before.rangeId}/${before.generation}`) ?? 0) - clock.nowMs()
    if (lateMs > 0) violations.push(`${clock.nowMs()} ms: taken from ${before.owner} ${Math.round(lateMs)} ms early`)
    before = now
  })

  const healMs = new Map<() => void, number>()
  const forAWhile = (ms: number, act: () => void, heal: () => void) => {
    act()
    healMs.set(heal, clock.nowMs() + ms)
  }
  for (let at = 0; at < 1600; at += 1) {
    await clock.advance(100)
    for (const [heal, untilMs] of healMs) {
      if (clock.nowMs() < untilMs) continue
      healMs.delete(heal)
      heal()
    }
    const { owner, ...pair } = before
    const agent = agents.get(owner)
    if (ask(owner, pair) > 0 && (agent?.remainingMs() ?? 0) === 0) stoodMs += 100
    if (!outages || at < 250 || random.next() > 0.02) continue
    const dice = random.next()
    const side = random.pick(sides)
    const away = (each: Side) => each.g.store.faults.isolate('unavailable')
    const back = (each: Side) => each.g.store.faults.heal()
    if (dice < 0.35)
      forAWhile(
        random.next() * 40_000,
        () => sides.forEach(away),
        () => sides.forEach(back),
      )
    else if (dice < 0.6)
      forAWhile(
        random.next() * 30_000,
        () => away(side),
        () => back(side),
      )
    else if (dice < 0.7) {
      const other = random.pick(REGIONS)
      forAWhile(
        random.next() * 20_000,
        () => side.cutFrom.add(other),
        () => side.cutFrom.delete(other),
      )
    } else if (dice < 0.85) await openKeeper(side)
    else {
      const { eStore } = side
      forAWhile(
        random.next() * 10_000,
        () => eStore.faults.isolate('unknown-after'),
        () => eStore.faults.heal(),
      )
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'loops failed')
  return { violations: violations.map((each) => `seed ${seed} + ${number}: ${each}`), takes, stoodMs }
}

test('G11: nobody takes what a region that stands still goes on with, whoever is away and whoever starts anew', async () => {
  let takes = 0
  let stoodMs = 0
  // Takes are rare: one seed in seven has none in its first ten worlds.
  for (let number = 0; number < 10 || (takes === 0 && number < 60); number += 1) {
    const result = await run(number)
    expect(result.violations).toEqual([])
    takes += result.takes
    stoodMs += result.stoodMs
  }
  // A world in which nothing was taken, or nobody ever stood still, would prove nothing.
  expect(takes).toBeGreaterThan(0)
  expect(stoodMs).toBeGreaterThan(10_000)
})

test.each<[string, Naughty]>([
  ['a region that is not asked', { unasked: SOUTH }],
  ['authorities that take whatever was promised', { faithless: true }],
])('the judge sees %s', async (_, naughty) => {
  const found: string[] = []
  for (let number = 0; number < 120 && found.length === 0; number += 1)
    found.push(...(await run(number, naughty)).violations)
  expect(found.length).toBeGreaterThan(0)
})
