import { silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { campaign } from '@meridian/store'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import { encodeNode, encodePage, nodeEpoch, nodeId, nodeKey, openPage, pageKey, zoneId } from '@meridian/topology'
import type { NodeRecord } from '@meridian/topology'
import { expect, it } from 'vitest'
import { vacate } from './page-leaders.ts'
import { REGION_TIMING } from './region-timing.ts'
import { RegionView } from './region-view.ts'
import { RenewalBatcher } from './renewal-batcher.ts'
import { EU } from './rig.ts'
import { range } from './rig-ranges.ts'

it('no renewal is answered before this server has applied it, and what came before it (R4, R6)', async () => {
  const clock = new ManualClock()
  await using cluster = new MemoryCluster({ clock })
  await using store = new MemoryStore(cluster)
  await using lagging = new MemoryStore(cluster)
  const ending = new AbortController()
  const { signal } = ending
  const base = { clock, log: silentLogger, random: () => 0.5 }
  const node: NodeRecord = {
    nodeId: nodeId('a'),
    region: EU,
    zone: zoneId('z1'),
    address: 'a.test:7001',
    capacity: 1,
    nodeEpoch: nodeEpoch(1),
    status: 'up',
    duty: 'serving',
  }
  const opened = openPage(range('1:-'), [], [node], 1, new Map())
  if (!opened.ok) throw opened.error
  const [shard] = opened.page.shards
  if (shard === undefined) throw new Error('no shard')
  const put = (key: string, value: Uint8Array) =>
    cluster.apply({ guards: [], operations: [{ kind: 'put', key, value }] }).revision
  put(nodeKey(node.nodeId), encodeNode(node))
  put(pageKey(opened.page.rangeId), encodePage(opened.page))

  const leadership = await campaign(store, { ...base, role: 'controller', value: 's1', ttlMs: 60_000, signal })
  await using view = await RegionView.open(lagging, base, signal)
  const batcher = new RenewalBatcher({
    ...base,
    store,
    view,
    leadership,
    timing: REGION_TIMING,
    onReport: () => {},
    onTrouble: () => {},
  })
  const running = batcher.run(signal)
  await clock.advance(1000)
  const applied = view.revision

  lagging.faults.isolate()
  const removed = put(pageKey(opened.page.rangeId), encodePage(vacate(opened.page, shard.shardId)))
  let answer: unknown
  const request = { nodeId: node.nodeId, nodeEpoch: node.nodeEpoch, appliedRevision: applied }
  const renewing = batcher.renew(request, signal).then(
    (lease) => (answer = lease),
    (error: unknown) => (answer = error),
  )
  await clock.advance(1000)
  expect(view.revision).toBe(applied)
  expect(answer).toBeUndefined()
  lagging.faults.heal()
  await renewing
  expect(answer).toMatchObject({ code: 'UNAVAILABLE', details: { behind: String(removed), applied: String(applied) } })

  const stopped = batcher.renew({ ...request, appliedRevision: removed }, signal)
  await clock.advance(1000)
  await expect(stopped).resolves.toMatchObject({ leaseMs: REGION_TIMING.nodeLeaseMs })
  ending.abort(new Error('done'))
  await running
  await leadership.resign()
})
