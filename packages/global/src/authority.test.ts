import { silentLogger } from '@meridian/loop'
import { LoopScope } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { electionPrefix } from '@meridian/store'
import { MemoryCluster } from '@meridian/store/memory'
import { keyOfText, OWNERSHIP_BATCH_MAX, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { Authority, AUTHORITY_ROLE } from './authority.ts'
import type { AuthorityOptions, TakeEvent } from './authority.ts'
import { takeoverOperation } from './journal.ts'
import { RegionAgent } from './region-agent.ts'
import { takeoverTimingOf } from './takeover-core.ts'
import { CITIES, EAST, nextOperation, openGlobalServer, WEST } from './world.ts'

const SOUTH = regionId('ap-southeast')
const timing = takeoverTimingOf(9000)

/** Three regions with an agent each over one G, and servers that may be elected. */
async function world(ranges: number, owner = EAST, standbys = [WEST, SOUTH]) {
  const clock = new ManualClock()
  const cluster = new MemoryCluster({ clock })
  const stack = new AsyncDisposableStack()
  const fail = (_: string, error: unknown) => {
    throw error
  }
  const serve = async (name: string, more: Partial<AuthorityOptions> = {}) => {
    const server = stack.use(await openGlobalServer(cluster, name, undefined, { clock }))
    const events: TakeEvent[] = []
    const authority = new Authority({
      store: server.store,
      view: server.view,
      ownership: server.service,
      address: `${name}:1`,
      electionTtlMs: 5000,
      timing,
      standbyFacts: () => ({ hasPage: true }),
      observer: (event) => void events.push(event),
      clock,
      wallMs: () => 1_800_000_000_000 + clock.nowMs(),
      log: silentLogger,
      random: () => 0.5,
      ...more,
    })
    const scope = new LoopScope(silentLogger, fail)
    scope.start('authority', (signal) => authority.run(signal))
    stack.defer(() => scope[Symbol.asyncDispose]())
    return { ...server, authority, events, stop: () => scope[Symbol.asyncDispose]() }
  }
  const first = await serve('a')
  const starts = Array.from({ length: ranges - 1 }, (_, index) => keyOfText(String(index).padStart(5, '0')))
  await first.service.mutate(
    nextOperation(),
    { kind: 'create-keyspace', keyspace: CITIES, owner, standbys },
    first.signal,
  )
  for (let at = 0; at < starts.length; at += OWNERSHIP_BATCH_MAX) {
    const points = starts.slice(at, at + OWNERSHIP_BATCH_MAX)
    await first.service.mutate(nextOperation(), { kind: 'split', keyspace: CITIES, at: points }, first.signal)
  }
  const alive = new Map<RegionId, RegionAgent>()
  const store = first.store
  for (const region of [EAST, WEST, SOUTH]) {
    const guard = { jumps: 0, cleared: () => true }
    const facts = { region, store, view: first.view, clock, log: silentLogger, guard }
    alive.set(region, new RegionAgent({ ...facts, leaseMs: 9000, renewEveryMs: 2000 }))
  }
  const seconds = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      if (i % 2 === 0) for (const agent of alive.values()) await agent.renew(first.signal)
      await clock.advance(1000)
    }
  }
  const owners = () => {
    const counts = new Map<RegionId, number>()
    for (const { owner: by } of first.view.ranges.list(CITIES)) counts.set(by, (counts.get(by) ?? 0) + 1)
    return Object.fromEntries(counts)
  }
  return { first, serve, clock, cluster, alive, seconds, owners, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const taking = (term: bigint) => takeoverOperation(EAST, term)

describe('Authority', () => {
  it('takes the ranges of a region that fell silent, in batches, and writes down how it came to it', async () => {
    await using w = await world(100)
    await w.seconds(10)
    expect(w.first.authority.isElected).toBe(true)
    w.alive.delete(EAST)
    await w.seconds(7)
    expect(w.owners()).toEqual({ [EAST]: 100 })
    await w.seconds(4)
    expect(w.owners()).toEqual({ [WEST]: 100 })
    const range = w.first.service.lookupLocal(CITIES, keyOfText('x'))
    expect(range).toMatchObject({ generation: 5n, standbys: [SOUTH, EAST], status: 'vacant' })
    expect(range.operation).toMatch(/^takeover:us-east:2:/)
    expect(w.first.view.journal.get(taking(2n))).toMatchObject({
      phase: 'done',
      authority: 'a:1',
      ranges: 100,
      left: 0,
      forced: false,
      note: expect.stringMatching(
        /^counter 5 of us-east stood still for 9\d{3} ms .* -> 100 to eu-west, its first standby$/,
      ),
    })
    const [observed, committed] = ['take.observe', 'take.commit'].map((kind) =>
      w.first.events.findLast(
        (event) =>
          event.kind === kind && event.region === EAST && event.term === 1n + (kind === 'take.commit' ? 1n : 0n),
      ),
    )
    expect(committed?.counter).toBe(observed?.counter)
    expect((committed?.localMs ?? 0) - (observed?.localMs ?? 0)).toBeGreaterThanOrEqual(timing.waitMs)
  })

  it('gives the region what it comes back for: its term, and what nobody has taken', async () => {
    await using w = await world(3, EAST, [])
    await w.seconds(6)
    const agent = w.alive.get(EAST)
    w.alive.delete(EAST)
    await w.seconds(14)
    expect(w.first.view.journal.get(taking(2n))).toMatchObject({ phase: 'done', left: 3, ranges: 0 })
    if (agent === undefined) throw new Error('an agent')
    w.alive.set(EAST, agent)
    await w.seconds(2)
    const { rangeId, generation } = w.first.service.lookupLocal(CITIES, keyOfText('x'))
    expect(agent.record).toMatchObject({ term: 2n, status: 'live' })
    expect(agent.confirm([{ rangeId, generation }]).confirmed).toHaveLength(1)
  })

  it('is followed by a server that has watched as well, and loses no time for it', async () => {
    await using w = await world(5)
    const second = await w.serve('b')
    await w.seconds(6)
    w.alive.delete(EAST)
    await w.seconds(3)
    await w.first.stop()
    await w.seconds(9)
    expect(second.authority.isElected).toBe(true)
    expect(w.owners()).toEqual({ [WEST]: 5 })
    expect(w.first.view.journal.get(taking(2n))).toMatchObject({ authority: 'b:1', phase: 'done' })
  })

  it('that no longer leads changes nothing, although it does not know yet', async () => {
    await using w = await world(5)
    await w.seconds(6)
    w.alive.delete(EAST)
    await w.seconds(6)
    let deposed: bigint | undefined
    w.first.store.faults.decide = (call) => {
      if (call.kind !== 'txn' || !call.txn.operations.some(({ key }) => key === '/region/us-east')) return undefined
      if (deposed !== undefined) return undefined
      // While its transaction is on its way, its key goes.
      const [key] = w.cluster.history.list(electionPrefix(AUTHORITY_ROLE), w.cluster.revision)
      if (key === undefined) throw new Error('nobody is elected')
      deposed = key.createRevision
      w.cluster.apply({ guards: [], operations: [{ kind: 'delete', key: key.key }] })
      return undefined
    }
    await w.seconds(6)
    const entry = w.first.view.journal.get(taking(2n))
    if (entry?.kind !== 'takeover') throw new Error('elected again it goes on')
    expect(entry.elect).toBeGreaterThan(deposed ?? entry.elect)
    expect(w.first.events.filter(({ kind }) => kind === 'take.commit')).toHaveLength(1)
    expect(w.owners()).toEqual({ [WEST]: 5 })
  })

  it('does not count silence while G gives no answer', async () => {
    await using w = await world(5)
    await w.seconds(6)
    w.first.store.faults.isolate('unavailable')
    const agents = new Map(w.alive)
    w.alive.clear()
    await w.seconds(60)
    w.first.store.faults.heal()
    for (const [region, agent] of agents) w.alive.set(region, agent)
    await w.seconds(30)
    expect(w.owners()).toEqual({ [EAST]: 5 })
    expect([...w.first.view.journal.values()]).toEqual([])
  })

  it('says why it takes nothing when more than one region is silent', async () => {
    await using w = await world(5)
    await w.seconds(6)
    const agent = w.alive.get(SOUTH)
    w.alive.delete(EAST)
    w.alive.delete(SOUTH)
    await w.seconds(20)
    expect(w.owners()).toEqual({ [EAST]: 5 })
    expect(w.first.view.journal.get(taking(2n))).toMatchObject({
      phase: 'braked',
      note: expect.stringContaining('2 of 3 regions do not renew (ap-southeast, us-east)'),
    })
    expect(w.first.authority.regions().find(({ region }) => region === EAST)).toMatchObject({ verdict: 'overdue' })
    if (agent !== undefined) w.alive.set(SOUTH, agent)
    await w.seconds(5)
    expect(w.owners()).toEqual({ [WEST]: 5 })
  })

  it('takes on after a transaction of unknown outcome', async () => {
    await using w = await world(5)
    await w.seconds(6)
    w.alive.delete(EAST)
    let lost = 0
    w.first.store.faults.decide = (call) => {
      if (call.kind !== 'txn' || !call.txn.operations.some(({ key }) => key.startsWith('/journal/takeover')))
        return undefined
      lost += 1
      return lost === 1 ? 'unknown-after' : lost === 2 ? 'unknown-before' : undefined
    }
    await w.seconds(20)
    expect(lost).toBeGreaterThan(2)
    expect(w.owners()).toEqual({ [WEST]: 5 })
  })
})
