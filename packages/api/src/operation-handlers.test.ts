import type { PlanTransfersRequest, TransferRangeRequest } from '@meridian/protocol'
import { keyOfText, nodeId, operationId, rangeId, regionLeaseKey } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { nodeOperationHandlers } from './node-operation-handlers.ts'
import { operationHandlers } from './operation-handlers.ts'
import { AP, call, CITIES, EU, openOperationRig, sightOf, takeoverEntry, transferEntry, US } from './operation-rig.ts'
import { regionHandlers } from './region-handlers.ts'

async function rig() {
  const opened = await openOperationRig()
  const { parts } = opened
  const handlers = { ...operationHandlers(parts), ...regionHandlers(parts), ...nodeOperationHandlers(parts) }
  return Object.assign(opened, { handlers })
}

const order = (change: Partial<TransferRangeRequest> = {}): TransferRangeRequest => ({
  operation: 'move-1',
  keyspace: 'cities',
  key: Buffer.from('FR/1'),
  target: 'eu',
  reason: 'upgrade',
  expectedGeneration: 0n,
  ...change,
})

const query = (change: Partial<PlanTransfersRequest> = {}): PlanTransfersRequest => ({
  keyspace: '',
  key: Buffer.alloc(0),
  target: '',
  evacuate: '',
  returnTo: '',
  ...change,
})

describe('an order for a transfer', () => {
  it('is begun once, and found again under its name', async () => {
    await using opened = await rig()
    await opened.cities('FR')
    const { operation } = await opened.handlers.transferRange(order(), call)
    expect(operation).toMatchObject({ operation: 'move-1', phase: 'prepare', source: 'us', target: 'eu', rangeId: 2 })
    expect(await opened.handlers.transferRange(order(), call)).toEqual({ operation })
    expect(operation).toMatchObject({ keyspace: 'cities', reason: 'upgrade' })
    expect(await opened.handlers.getOperation({ operation: 'move-1' }, call)).toEqual({ operation })
  })

  it.each([
    ['REGION_UNKNOWN', { target: 'mars' }],
    ['INVALID_ARGUMENT', { operation: 'a b' }],
    ['INVALID_ARGUMENT', { keyspace: 'Cities' }],
    ['KEYSPACE_UNKNOWN', { keyspace: 'towns' }],
    ['KEY_TOO_LARGE', { key: Buffer.alloc(2000) }],
    ['REQUEST_TOO_LARGE', { reason: 'x'.repeat(401) }],
    ['GENERATION_MISMATCH', { expectedGeneration: 9n }],
  ])('is refused with %s (%#)', async (code, change) => {
    await using opened = await rig()
    await opened.cities('FR')
    await expect(opened.handlers.transferRange(order(change), call)).rejects.toMatchObject({ code })
    expect(opened.globalView.journal.size).toBe(0)
  })

  it('is refused under the name of another', async () => {
    await using opened = await rig()
    await opened.cities('FR')
    await opened.remember(takeoverEntry(AP, 4n))
    await opened.handlers.transferRange(order(), call)
    for (const change of [{ target: 'ap' }, { key: Buffer.from('A'), operation: 'takeover:ap:4' }]) {
      await expect(opened.handlers.transferRange(order(change), call)).rejects.toMatchObject({
        code: 'OPERATION_REUSED',
      })
    }
  })
})

describe('a plan', () => {
  it('tells of one range where it would go, and what it would cost', async () => {
    await using opened = await rig()
    await opened.cities('FR')
    opened.loads.set(rangeId(2), { writesPerS: 200, lagEntries: new Map([[EU, 1200n]]) })
    const { transfers } = await opened.handlers.planTransfers(
      query({ keyspace: 'cities', key: Buffer.from('FR/1') }),
      call,
    )
    expect(transfers).toMatchObject([
      {
        range: { rangeId: 2 },
        target: 'eu',
        obstacles: [],
        shards: 1,
        lagEntries: 1200n,
        commitMs: 352.5,
        writesPerS: 200,
      },
    ])
  })

  it('tells of every range of a region, and of what came from it once', async () => {
    await using opened = await rig()
    await opened.cities('FR', 'IT')
    const evacuate = query({ evacuate: 'us' })
    expect((await opened.handlers.planTransfers(evacuate, call)).transfers).toHaveLength(3)
    expect((await opened.handlers.planTransfers(query({ evacuate: 'eu' }), call)).transfers).toEqual([])
    await opened.ownership.mutate(
      operationId('takeover:us:2'),
      { kind: 'take-over', keyspace: CITIES, from: US, takes: [{ start: keyOfText('FR'), target: EU }] },
      call.signal,
    )
    await opened.ownership.catchUp(call.signal)
    await opened.handlers.drainRegion({ operation: 'd', region: 'us' }, call)
    const { transfers } = await opened.handlers.planTransfers(query({ returnTo: 'us' }), call)
    expect(transfers).toMatchObject([{ range: { rangeId: 2, owner: 'eu' }, target: 'us', obstacles: [] }])
    expect((await opened.handlers.planTransfers(evacuate, call)).transfers).toHaveLength(2)
  })

  it.each([
    ['INVALID_ARGUMENT', query()],
    ['INVALID_ARGUMENT', query({ keyspace: 'cities', evacuate: 'us' })],
    ['INVALID_ARGUMENT', query({ evacuate: 'us', target: 'us' })],
    ['INVALID_ARGUMENT', query({ returnTo: 'us', target: 'eu' })],
    ['REGION_UNKNOWN', query({ evacuate: 'mars' })],
    ['REGION_UNKNOWN', query({ evacuate: 'us', target: 'mars' })],
    ['KEYSPACE_UNKNOWN', query({ keyspace: 'towns' })],
  ])('is refused with %s (%#)', async (code, request) => {
    await using opened = await rig()
    await opened.cities()
    await expect(opened.handlers.planTransfers(request, call)).rejects.toMatchObject({ code })
  })
})

describe('operations', () => {
  it('are listed in flight, and with those that ended when asked for', async () => {
    await using opened = await rig()
    await opened.remember(transferEntry({ operation: operationId('done'), phase: 'done', updatedWallMs: 90_000 }))
    await opened.remember(transferEntry({ operation: operationId('flying'), phase: 'freeze' }))
    await opened.remember(takeoverEntry(AP, 4n, { phase: 'taking', left: 2 }))
    const names = async (all: boolean) =>
      (await opened.handlers.listOperations({ all }, call)).operations.map(({ operation }) => operation)
    expect(await names(false)).toEqual(['takeover:ap:4', 'flying'])
    expect(await names(true)).toEqual(['takeover:ap:4', 'flying', 'done'])
  })

  it('are told one by one, with what is known of each', async () => {
    await using opened = await rig()
    await opened.remember(takeoverEntry(AP, 4n))
    expect((await opened.handlers.getOperation({ operation: 'takeover:ap:4' }, call)).operation).toMatchObject({
      kind: 'takeover',
      source: 'ap',
      generation: 4n,
      reason: 'not renewed for 9.4 s',
      moved: 3,
      left: 0,
      ended: true,
    })
    await expect(opened.handlers.getOperation({ operation: 'nobody' }, call)).rejects.toMatchObject({
      code: 'OPERATION_UNKNOWN',
    })
  })

  it('can be aborted if they are transfers', async () => {
    await using opened = await rig()
    await opened.cities('FR')
    await opened.handlers.transferRange(order(), call)
    await opened.remember(takeoverEntry(AP, 4n))
    const abort = (operation: string) => opened.handlers.abortOperation({ operation, reason: 'no' }, call)
    expect((await abort('move-1')).operation).toMatchObject({ phase: 'aborted', note: 'no', ended: true })
    expect((await abort('move-1')).operation).toMatchObject({ phase: 'aborted' })
    await opened.remember(transferEntry({ operation: operationId('gone'), phase: 'done' }))
    await expect(abort('gone')).rejects.toMatchObject({ code: 'TRANSFER_ENDED' })
    await expect(abort('takeover:ap:4')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(abort('nobody')).rejects.toMatchObject({ code: 'OPERATION_UNKNOWN' })
  })
})

describe('regions', () => {
  it('are given up after a look at what that takes', async () => {
    await using opened = await rig()
    await opened.cities('FR')
    opened.sights.set(US, sightOf(US, { verdict: 'late', stillMs: 5000 }))
    opened.copied.set(2, new Set([AP]))
    const request = { region: 'us', reason: 'fire', poweredOff: false, evenStranded: false, dryRun: true }
    const dry = await opened.handlers.failOverRegion(request, call)
    expect(dry.operation).toBeUndefined()
    expect(dry.takes.map(({ target, obstacles }) => [target, obstacles])).toEqual([
      ['eu', []],
      ['ap', []],
    ])
    opened.silent.add('ap-n1')
    const stranded = await opened.handlers.failOverRegion(request, call)
    expect(stranded.takes[1]?.obstacles).toEqual(['no quorum of ap answers for 1 shard, as 2.0'])
    await expect(opened.handlers.failOverRegion({ ...request, dryRun: false }, call)).rejects.toMatchObject({
      code: 'NOT_ENOUGH_NODES',
    })
    opened.silent.clear()
    const done = await opened.handlers.failOverRegion({ ...request, dryRun: false }, call)
    expect(done.operation).toMatchObject({ operation: 'takeover:us:2', phase: 'taking', reason: 'by hand' })
    await expect(opened.handlers.failOverRegion({ ...request, region: 'mars' }, call)).rejects.toMatchObject({
      code: 'REGION_UNKNOWN',
    })
    // Undrained it may renew again.
    await opened.handlers.undrainRegion({ region: 'us' }, call)
    const lease = await opened.store.get(regionLeaseKey(US), { signal: call.signal })
    expect(Buffer.from(lease?.value ?? []).toString()).toContain('"status":"live"')
  })

  it('are listed in order, the own one with what only its server knows', async () => {
    await using opened = await rig()
    await opened.cities('FR')
    await opened.handlers.drainRegion({ operation: 'd', region: 'eu' }, call)
    const { regions } = await opened.handlers.listRegions({}, call)
    expect(regions.map(({ region, drained, continuesMs }) => [region, drained, continuesMs])).toEqual([
      ['ap', false, 8300n],
      ['eu', true, 8300n],
      ['us', false, 7500n],
    ])
    expect(regions[2]?.works).toContain('writes of 2 of 2 ranges, reads of all')
    expect(regions[0]?.impaired).toContain('its map was never heard of here')
  })

  it('have policies per range', async () => {
    await using opened = await rig()
    await opened.cities('FR')
    const set = (operation: string, failover: string, budgetMs: bigint) =>
      opened.handlers.setRangePolicy(
        { operation, keyspace: 'cities', key: Buffer.from('FR/1'), failover, budgetMs },
        call,
      )
    expect((await set('p-1', 'manual', 600_000n)).range).toMatchObject({ failover: 'manual', budgetMs: 600_000n })
    expect((await set('p-2', 'manual', 600_000n)).range).toMatchObject({ failover: 'manual', budgetMs: 600_000n })
    await expect(set('p-3', 'auto', 1n)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(set('p-4', 'never', 0n)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(set('p-5', 'manual', 2n ** 63n)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

it('a region that goes on by promises says so, however little time passes between two looks at the clock', async () => {
  await using opened = await rig()
  await opened.cities('FR')
  let leftMs = 8000
  const look = () => (leftMs -= 0.001)
  const confirm = (asked: readonly object[]) => ({
    remainingMs: 0,
    confirmed: asked.map((range) => ({ ...range, remainingMs: look() })),
  })
  const { agent } = opened.parts()
  Object.assign(opened.parts(), { standstill: { remainingMs: look }, agent: Object.assign(agent, { confirm }) })
  const { regions } = await opened.handlers.listRegions({}, call)
  expect(regions.find(({ region }) => region === US)).toMatchObject({ continuesBy: 'standstill' })
})

describe('nodes', () => {
  it('are drained and emptied if they are of this region', async () => {
    await using opened = await rig()
    const drain = (decommission: boolean, node = 'n1') =>
      opened.handlers.drainNode({ nodeId: node, decommission, force: false }, call)
    expect(await drain(false)).toEqual({ shardsLed: 2, shardsHeld: 12, duty: 'draining' })
    await opened.handlers.undrainNode({ nodeId: 'n1' }, call)
    await expect(drain(false, 'n9')).rejects.toMatchObject({ code: 'NODE_UNKNOWN' })
    expect(opened.duties).toEqual([
      ['n1', 'draining', false],
      ['n1', 'serving', false],
    ])
  })

  it('are decommissioned once they hold nothing, and then for good', async () => {
    await using opened = await rig()
    const decommission = () => opened.handlers.drainNode({ nodeId: 'n1', decommission: true, force: false }, call)
    expect(await decommission()).toEqual({ shardsLed: 2, shardsHeld: 12, duty: 'leaving' })
    Object.assign(opened.holdings, { led: 0, held: 0 })
    expect(await decommission()).toMatchObject({ duty: 'decommissioned' })
    expect(await decommission()).toMatchObject({ duty: 'decommissioned' })
    expect(opened.duties.map(([, duty]) => duty)).toEqual(['leaving', 'leaving', 'decommissioned'])
  })

  it('are over for whoever asks when the controller has struck them off meanwhile', async () => {
    await using opened = await rig()
    const decommission = () => opened.handlers.drainNode({ nodeId: 'n1', decommission: true, force: false }, call)
    expect(await decommission()).toMatchObject({ duty: 'leaving' })
    opened.struckOff.add(nodeId('n1'))
    expect(await decommission()).toEqual({ shardsLed: 0, shardsHeld: 0, duty: 'decommissioned' })
    await expect(
      opened.handlers.drainNode({ nodeId: 'n1', decommission: false, force: false }, call),
    ).rejects.toMatchObject({ code: 'NODE_DECOMMISSIONED' })
  })

  it('are given up with all they hold only by force', async () => {
    await using opened = await rig()
    const drain = (decommission: boolean) =>
      opened.handlers.drainNode({ nodeId: 'n1', decommission, force: true }, call)
    await expect(drain(false)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await drain(true)).toMatchObject({ shardsHeld: 12, duty: 'decommissioned' })
    expect(opened.duties).toEqual([['n1', 'decommissioned', true]])
  })

  it('give replicas away, to one another and not to themselves', async () => {
    await using opened = await rig()
    const move = (change: object) =>
      opened.handlers.moveReplica({ operation: 'm-1', shardId: '12.0', from: 'n2', to: '', ...change }, call)
    expect((await move({})).move).toMatchObject({ to: 'n4', phase: 'joining' })
    expect((await opened.handlers.listMoves({}, call)).moves).toHaveLength(1)
    await expect(move({ from: 'n1', to: 'n1' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(move({ shardId: '12' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(move({ to: 'n9' })).rejects.toMatchObject({ code: 'NODE_UNKNOWN' })
    await expect(opened.handlers.abortMove({ operation: 'x' }, call)).rejects.toMatchObject({
      code: 'OPERATION_UNKNOWN',
    })
  })
})
