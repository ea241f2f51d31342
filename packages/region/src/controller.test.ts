import { campaign } from '@meridian/store'
import { MemoryStore } from '@meridian/store/memory'
import { HybridClock } from '@meridian/hlc'
import { silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { decodePage, keyOfText, nodeId, nodeKey, pageKey, rangeId, RENEWALS_KEY, shardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { CONTROLLER_ROLE } from './controller.ts'
import { ControllerTerm } from './controller-term.ts'
import { nodeStatuses } from './node-leases.ts'
import { OrderingWriter } from './ordering-writer.ts'
import { REGION_TIMING } from './region-timing.ts'
import { RegionView } from './region-view.ts'
import { decodeRenewals, encodeRenewals, renew } from './renewals.ts'
import { EU, Rig, RigNode } from './rig.ts'
import type { RigServer } from './rig.ts'
import { range } from './rig-ranges.ts'

const { nodeWaitMs, renewalPeriodMs } = REGION_TIMING
const SHARD = (ordinal: number) => shardId(rangeId(1), ordinal)

async function opened(): Promise<{ rig: Rig; server: RigServer }> {
  const rig = new Rig()
  const server = await rig.server('s1')
  await rig.pass(1000)
  await rig.join('a@z1 b@z2 c@z3')
  rig.ranges.set('1:-')
  await server.controller.openRange(range('1:-'), [keyOfText('g'), keyOfText('p')], rig.signal)
  await rig.pass(3000)
  return { rig, server }
}

/** `1.0 a g1.e1, 1.1 - g1.e2` */
function leaders(server: RigServer): string {
  return [...server.view.pages.values()]
    .toSorted((a, b) => a.page.rangeId - b.page.rangeId)
    .flatMap(({ page }) =>
      page.shards.map(
        (s) => `${s.shardId} ${s.status === 'assigned' ? s.leader : '-'} g${page.generation}.e${s.epoch}`,
      ),
    )
    .join(', ')
}

const statusOf = (server: RigServer, id: string) => server.view.nodes.get(nodeId(id))?.node.status

describe('opening a range', () => {
  it('lays shards over three zones with their leaders spread (R9)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    expect(leaders(server)).toBe('1.0 a g1.e1, 1.1 b g1.e1, 1.2 c g1.e1')
    expect(nodeStatuses(server.view).map((s) => [s.nodeId, s.shardsLed, s.shardsHeld, s.status])).toEqual([
      ['a', 1, 3, 'up'],
      ['b', 1, 3, 'up'],
      ['c', 1, 3, 'up'],
    ])
  })

  it('has one effect however often it is asked for, and refuses other bounds', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const before = server.view.pages.get(rangeId(1))?.modRevision
    const bounds = [keyOfText('g'), keyOfText('p')]
    await server.controller.openRange(range('1:-'), bounds, rig.signal)
    expect(server.view.pages.get(rangeId(1))?.modRevision).toBe(before)
    await expect(server.controller.openRange(range('1:-'), [], rig.signal)).rejects.toMatchObject({
      code: 'RANGE_BUSY',
    })
    await expect(server.controller.openRange(range('9:-@us'), [], rig.signal)).rejects.toMatchObject({
      code: 'NOT_OWNER_REGION',
      details: { owner: 'us' },
    })
  })

  it('gives a vacant range no leaders before G shows it as active (R7)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    rig.ranges.set('1:-m', '2:m-?')
    await server.controller.openRange(range('2:m-?'), [], rig.signal)
    await rig.pass(3000)
    expect(leaders(server)).toContain('2.0 - g1.e1')
    rig.ranges.set('1:-m', '2:m-')
    await rig.pass(1000)
    expect(leaders(server)).toMatch(/2\.0 [abc] g1\.e2/)
  })

  it('needs as many nodes as replicas', async () => {
    await using rig = new Rig()
    const server = await rig.server('s1')
    await rig.pass(1000)
    await rig.join('a@z1 b@z2')
    await expect(server.controller.openRange(range('1:-'), [], rig.signal)).rejects.toMatchObject({
      code: 'NOT_ENOUGH_NODES',
    })
  })

  it('is done by the controller only, whose address the others name', async () => {
    const { rig } = await opened()
    await using _ = rig
    const other = await rig.server('s2')
    await rig.pass(1000)
    await expect(other.controller.openRange(range('1:-'), [], rig.signal)).rejects.toMatchObject({
      code: 'NOT_CONTROLLER',
      details: { controller: 's1.test:7000' },
    })
  })

  it('happens by itself for an active range that nobody opened, after a grace', async () => {
    await using rig = new Rig()
    const server = await rig.server('s1')
    await rig.pass(1000)
    await rig.join('a@z1 b@z2 c@z3')
    rig.ranges.set('2:-#5')
    await rig.pass(REGION_TIMING.openGraceMs - 1000)
    expect(server.view.pages.has(rangeId(2))).toBe(false)
    await rig.pass(2000)
    expect(leaders(server)).toMatch(/2\.0 [abc] g5\.e1/)
  })
})

describe('renewals', () => {
  it('of a hundred nodes cost one commit per period (R4)', async () => {
    await using rig = new Rig()
    const server = await rig.server('s1')
    await rig.pass(1000)
    const nodes = Array.from({ length: 100 }, (_, index) => new RigNode(`n${index}`, `z${index % 3}`, rig.clock))
    for (const node of nodes) await node.register(server, rig.signal)
    await rig.pass(1000)
    const before = rig.commits.length
    for (const node of nodes) node.applied = server.view.revision
    for (let ms = 0; ms < 5000; ms += 50) {
      for (const node of nodes.slice((ms / 50) % 20, ((ms / 50) % 20) + 5)) void node.renew(rig.servers, rig.signal)
      await rig.clock.advance(50)
    }
    await rig.pass(renewalPeriodMs)
    const renewals = rig.commits.slice(before).filter(({ changes }) => changes.some(({ key }) => key === RENEWALS_KEY))
    expect(renewals.length).toBeGreaterThanOrEqual(9)
    expect(renewals.length).toBeLessThanOrEqual(5000 / renewalPeriodMs + 1)
    expect(nodes.flatMap(({ leases }) => leases).length).toBeGreaterThan(100)
  })

  it('are answered at once after a pause, and after their commit always (R4)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    for (const node of rig.nodes.values()) node.paused = true
    await rig.pass(2000)
    const a = rig.node('a')
    const request = { nodeId: a.id, nodeEpoch: a.epoch, appliedRevision: a.applied }
    const before = server.view.renewals?.counts.get(a.id)?.counter ?? 0n
    const answer = await server.controller.renew(request, rig.signal)
    expect(answer.leaseMs).toBe(REGION_TIMING.nodeLeaseMs)
    expect(rig.commits.at(-1)).toMatchObject({ revision: answer.revision })
    expect(server.view.renewals?.counts.get(a.id)?.counter).toBe(before + 1n)
    let answered = false
    const second = server.controller.renew(request, rig.signal).then(() => (answered = true))
    await rig.pass(renewalPeriodMs - 100)
    expect(answered).toBe(false)
    await rig.pass(200)
    await second
  })

  it.each(['unavailable', 'unknown-before', 'unknown-after'] as const)(
    'extend nothing when the commit is %s',
    async (fault) => {
      const { rig, server } = await opened()
      await using _ = rig
      await rig.pass(600)
      const a = rig.node('a')
      const store = server.store as MemoryStore
      store.faults.next(fault)
      const request = { nodeId: a.id, nodeEpoch: a.epoch, appliedRevision: a.applied }
      const code = fault === 'unavailable' ? 'UNAVAILABLE' : 'OUTCOME_UNKNOWN'
      const renewing = expect(server.controller.renew(request, rig.signal)).rejects.toMatchObject({ code })
      await rig.pass(600)
      await renewing
      await rig.pass(4000)
      expect(rig.violations()).toEqual([])
    },
  )

  it('of an ended life, or of a stranger, are refused', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const a = rig.node('a')
    const old = { nodeId: a.id, nodeEpoch: a.epoch, appliedRevision: a.applied }
    await a.register(server, rig.signal)
    await expect(server.controller.renew(old, rig.signal)).rejects.toMatchObject({ code: 'NODE_EPOCH_STALE' })
    const stranger = { ...old, nodeId: nodeId('x') }
    await expect(server.controller.renew(stranger, rig.signal)).rejects.toMatchObject({ code: 'NODE_UNKNOWN' })
  })
})

describe('failover', () => {
  it('comes after W_N of silence, and not before (R5)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    rig.node('a').paused = true
    await rig.pass(nodeWaitMs - 2100)
    expect(leaders(server)).toContain('1.0 a g1.e1')
    await rig.pass(3500)
    expect(leaders(server)).toMatch(/1\.0 [bc] g1\.e2, 1\.1 b g1\.e1, 1\.2 c g1\.e1/)
    expect(server.view.nodes.get(nodeId('a'))?.node).toMatchObject({ status: 'down', nodeEpoch: 2n })
    const a = rig.node('a')
    a.paused = false
    await a.renew(rig.servers, rig.signal)
    expect(a.errors.at(-1)).toMatchObject({ code: 'NODE_EPOCH_STALE' })
    await a.register(server, rig.signal)
    expect(a.epoch).toBe(3n)
    expect(rig.violations()).toEqual([])
  })

  it("follows a new life at once, because the new life has the old one's disk (R2)", async () => {
    const { rig, server } = await opened()
    await using _ = rig
    rig.node('a').kill()
    await rig.node('a').register(server, rig.signal)
    await rig.pass(100)
    expect(leaders(server)).toMatch(/1\.0 [abc] g1\.e2/)
  })

  it('spares everybody when it was E that was silent (R5)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const store = server.store as MemoryStore
    store.faults.isolate()
    await rig.pass(4 * nodeWaitMs)
    store.faults.heal()
    await rig.pass(nodeWaitMs)
    expect(['a', 'b', 'c'].map((id) => statusOf(server, id))).toEqual(['up', 'up', 'up'])
    expect(leaders(server)).toBe('1.0 a g1.e1, 1.1 b g1.e1, 1.2 c g1.e1')
  })

  it('spares everybody while E takes no writes, though it answers reads (R5)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const store = server.store as MemoryStore
    store.faults.decide = (call) => (call.kind === 'txn' ? 'unavailable' : undefined)
    await rig.pass(2 * nodeWaitMs)
    store.faults.decide = undefined
    await rig.pass(nodeWaitMs)
    expect(['a', 'b', 'c'].map((id) => statusOf(server, id))).toEqual(['up', 'up', 'up'])
  })

  it('starts its wait over with each controller (R5)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const other = await rig.server('s2')
    rig.node('a').paused = true
    await rig.pass(nodeWaitMs - 1500)
    await server.controller[Symbol.asyncDispose]()
    await rig.pass(nodeWaitMs - 500)
    expect(other.controller.isController).toBe(true)
    expect(statusOf(other, 'a')).toBe('up')
    await rig.pass(1500)
    expect(statusOf(other, 'a')).toBe('down')
    expect(leaders(other)).toMatch(/1\.0 [bc] g1\.e2/)
    expect(rig.violations()).toEqual([])
  })

  it('does not happen to a node whose renewal was committed between the look and the takeover (I12)', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const a = rig.node('a')
    a.paused = true
    const store = server.store as MemoryStore
    let raced = 0
    store.faults.decide = (call) => {
      if (call.kind !== 'txn' || raced > 0 || !call.txn.operations.some(({ key }) => key === nodeKey(a.id)))
        return undefined
      raced += 1
      const stored = rig.cluster.history.at(RENEWALS_KEY)
      if (stored === undefined) throw new Error('no renewals')
      const renewed = renew(
        decodeRenewals(stored.value),
        decodeRenewals(stored.value).elect,
        [{ nodeId: a.id, nodeEpoch: a.epoch }],
        server.view.nodeRecords(),
      )
      rig.cluster.apply({
        guards: [],
        operations: [{ kind: 'put', key: RENEWALS_KEY, value: encodeRenewals(renewed) }],
      })
      return undefined
    }
    await rig.pass(2 * nodeWaitMs - 2500)
    expect(raced).toBe(1)
    expect(statusOf(server, 'a')).toBe('up')
    await rig.pass(nodeWaitMs)
    expect(statusOf(server, 'a')).toBe('down')
    expect(rig.violations()).toEqual([])
  })

  it('leaves a shard without a leader when no replica is up, and leads it again when one returns', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    for (const id of ['a', 'b', 'c']) rig.node(id).kill()
    await rig.pass(nodeWaitMs + 1000)
    // Most of a region at once look like a partition: the brake gives one up per ten seconds.
    expect(['a', 'b', 'c'].filter((id) => statusOf(server, id) === 'down').length).toBeLessThanOrEqual(1)
    expect(server.controller.health()?.brake?.silent.length).toBeGreaterThanOrEqual(2)
    await rig.pass(4 * REGION_TIMING.slowStartEveryMs)
    expect(leaders(server)).toMatch(/1\.0 - g1\.e\d+, 1\.1 - g1\.e\d+, 1\.2 - g1\.e\d+/)
    await rig.node('b').register(server, rig.signal)
    await rig.pass(1000)
    expect(leaders(server)).toMatch(/1\.0 b .*1\.1 b .*1\.2 b /)
    expect(rig.violations()).toEqual([])
  })
})

describe('two controllers (R1)', () => {
  it('one that wakes after another was elected changes nothing', async () => {
    await using rig = new Rig()
    const store = new MemoryStore(rig.cluster)
    const stopped = new ManualClock()
    const first = await rig.server('s1')
    await rig.pass(500)
    await first.controller[Symbol.asyncDispose]()
    const base = { clock: stopped, log: silentLogger, random: () => 0.5 }
    const held = await campaign(store, {
      ...base,
      role: CONTROLLER_ROLE,
      value: 'old',
      ttlMs: 3000,
      signal: rig.signal,
    })
    // A process that was stopped before it could notice anything.
    const leadership = { ...held, lost: new AbortController().signal }
    const view = await RegionView.open(store, base, rig.signal)
    const writer = new OrderingWriter(
      store,
      new HybridClock({ origin: 'old', physical: { nowMs: () => 1_000_000 + rig.clock.nowMs() } }),
    )
    await using old = new ControllerTerm({
      ...base,
      region: EU,
      store,
      view,
      ranges: rig.ranges,
      others: rig.others,
      positions: rig.positions,
      wallMs: () => 0,
      writer,
      leadership,
      replicaCount: 3,
      timing: REGION_TIMING,
    })
    rig.servers.splice(0)
    const second = await rig.server('s2')
    await rig.pass(6000)
    expect(second.controller.isController).toBe(true)
    await rig.join('a@z1 b@z2 c@z3')
    rig.ranges.set('1:-')
    const before = rig.cluster.revision
    await expect(old.commands.openRange(range('1:-'), [], rig.signal)).rejects.toMatchObject({
      code: 'LEADERSHIP_LOST',
    })
    const request = { nodeId: nodeId('a'), nodeEpoch: rig.node('a').epoch, appliedRevision: rig.cluster.revision }
    const renewing = expect(old.renew(request, rig.signal)).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' })
    await stopped.advance(1000)
    await renewing
    expect(rig.cluster.revision).toBe(before)
    await second.controller.openRange(range('1:-'), [], rig.signal)
    expect(second.view.pages.size).toBe(1)
    await view[Symbol.asyncDispose]()
  })
})

describe('split and merge', () => {
  it('are adopted with shards, replicas and leaders as they were, in one revision', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const before = rig.commits.length
    rig.ranges.set('1:-g#2', '2:g-#2')
    await rig.pass(600)
    expect(leaders(server)).toBe('1.0 a g2.e1, 1.1 b g2.e1, 1.2 c g2.e1')
    expect(server.view.pages.get(rangeId(2))?.page.shards.map((shard) => shard.shardId)).toEqual(['1.1', '1.2'])
    const writes = rig.commits
      .slice(before)
      .filter(({ changes }) => changes.some(({ key }) => key.startsWith('/page/')))
    expect(writes).toHaveLength(1)
    rig.ranges.set('1:-#3')
    await rig.pass(600)
    expect(leaders(server)).toBe('1.0 a g3.e1, 1.1 b g3.e1, 1.2 c g3.e1')
    expect(server.view.pages.size).toBe(1)
    await rig.pass(5000)
    expect(rig.nodes.values().every((node) => node.errors.length <= 1)).toBe(true)
    expect(rig.violations()).toEqual([])
  })

  it('remove nothing because G shows nothing', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    rig.ranges.set()
    await rig.pass(3000)
    expect(server.view.pages.size).toBe(1)
    rig.ranges.set('1:-m@us#2', '2:m-@us#2')
    await rig.pass(3000)
    expect(server.view.pages.size).toBe(0)
  })
})

describe('hand-over (R6)', () => {
  it('names the target once the old leader has said that it stopped', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const handing = server.controller.handOver(SHARD(0), nodeId('b'), rig.signal)
    await rig.clock.advance(20)
    expect(leaders(server)).toContain('1.0 - g1.e2')
    await rig.pass(2600)
    await expect(handing).resolves.toMatchObject({ leader: 'b', token: { generation: 1n, epoch: 3n } })
    expect(rig.violations()).toEqual([])
    await expect(server.controller.handOver(SHARD(0), nodeId('b'), rig.signal)).resolves.toMatchObject({ leader: 'b' })
    expect(leaders(server)).toContain('1.0 b g1.e3')
  })

  it('waits W_N for one that does not, and extends none of its leases meanwhile', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const a = rig.node('a')
    a.deaf = true
    const handing = server.controller.handOver(SHARD(0), undefined, rig.signal)
    await rig.clock.advance(20)
    const removedMs = rig.clock.nowMs()
    const leases = a.leases.length
    await rig.pass(nodeWaitMs - 200)
    expect(leaders(server)).toContain('1.0 - g1.e2')
    await rig.pass(1000)
    const shard = await handing
    expect(['b', 'c']).toContain(shard.leader)
    expect(a.leases).toHaveLength(leases)
    expect(a.leases.at(-1)?.untilMs).toBeLessThan(removedMs + nodeWaitMs)
    expect(a.errors.at(-1)).toMatchObject({ code: 'UNAVAILABLE', details: { applied: String(a.applied) } })
    expect(statusOf(server, 'a')).toBe('up')
    a.deaf = false
    a.catchUp()
    await rig.pass(2600)
    expect(a.leases.length).toBeGreaterThan(leases)
    expect(rig.violations()).toEqual([])
  })

  it('is finished by the next controller, which knows nothing of it', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const other = await rig.server('s2')
    rig.node('a').deaf = true
    const handing = expect(server.controller.handOver(SHARD(0), nodeId('b'), rig.signal)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    })
    await rig.pass(100)
    await server.controller[Symbol.asyncDispose]()
    await handing
    await rig.pass(2000)
    expect(other.controller.isController).toBe(true)
    expect(leaders(other)).toContain('1.0 - g1.e2')
    await rig.pass(nodeWaitMs)
    expect(leaders(other)).toMatch(/1\.0 [abc] g1\.e3/)
    expect(rig.violations()).toEqual([])
  })

  it('leaves no lease to one that has not stopped, however many controllers come after', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const a = rig.node('a')
    a.deaf = true
    const handing = server.controller.handOver(SHARD(0), nodeId('b'), rig.signal)
    await rig.pass(nodeWaitMs + 1000)
    await handing
    // This server's view begins after the removal: only its own first commit tells it that there may have been one.
    const other = await rig.server('s2')
    const leases = a.leases.length
    await server.controller[Symbol.asyncDispose]()
    await rig.pass(5000)
    expect(other.controller.isController).toBe(true)
    expect(other.view.removedRevision(a.id)).toBe(0n)
    expect(a.leases).toHaveLength(leases)
    expect(a.errors.at(-1)).toMatchObject({ code: 'UNAVAILABLE' })
    expect(rig.node('c').leases.at(-1)?.untilMs).toBeGreaterThan(rig.clock.nowMs())
    a.deaf = false
    a.catchUp()
    await rig.pass(2600)
    expect(a.leases.length).toBeGreaterThan(leases)
    expect(rig.violations()).toEqual([])
  })

  it('refuses targets that cannot lead', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    await rig.join('d@z1')
    const to = (id: string) => server.controller.handOver(SHARD(0), nodeId(id), rig.signal)
    await expect(to('d')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(to('x')).rejects.toMatchObject({ code: 'NODE_UNKNOWN' })
    await expect(server.controller.handOver(SHARD(9), nodeId('b'), rig.signal)).rejects.toMatchObject({
      code: 'SHARD_UNKNOWN',
    })
  })

  it('the witness sees a controller that extends leases whatever the node has applied', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const a = rig.node('a')
    await rig.pass(2100)
    a.deaf = true
    Object.defineProperty(server.view, 'removedRevision', { value: () => 0n })
    const handing = server.controller.handOver(SHARD(0), nodeId('b'), rig.signal)
    await rig.pass(nodeWaitMs + 1000)
    await handing
    await rig.pass(2100)
    expect(rig.violations().join('\n')).toContain('a#1 still serves')
  })
})

it('every ordering event has a stamp, and stamps rise with revisions (R8)', async () => {
  const { rig } = await opened()
  await using _ = rig
  expect(rig.violations()).toEqual([])
  const pages = rig.commits.flatMap(({ changes }) => changes.filter(({ key }) => key === pageKey(rangeId(1))))
  expect(pages.map(({ value }) => value && decodePage(value).shards.length)).toEqual([3])
})
