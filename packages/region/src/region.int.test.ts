import { systemClock, silentLogger } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { openEtcdStore } from '@meridian/store/etcd'
import { startEtcd, waitFor } from '@meridian/testkit'
import type { WaitOptions } from '@meridian/testkit'
import { keyOfText, nodeId, rangeId, shardId } from '@meridian/topology'
import { expect, it } from 'vitest'
import { nodeWaitMsOf, REGION_TIMING } from './region-timing.ts'
import { violations, witness } from './region-witness.ts'
import type { Commit } from './region-witness.ts'
import { RigNode, RigServer } from './rig.ts'
import { RigPositions } from './rig-positions.ts'
import { range, RigOthers, RigRanges } from './rig-ranges.ts'

/** Long against the stalls of a busy machine: a node that misses its renewals is given up, and lawfully. */
const LEASE_MS = 3000
const timing = {
  ...REGION_TIMING,
  nodeLeaseMs: LEASE_MS,
  nodeWaitMs: nodeWaitMsOf(LEASE_MS),
  renewalPeriodMs: 100,
  probeEveryMs: 100,
  storeGapMsMax: 2000,
  controllerTtlMs: 3000,
}
const RENEW_EVERY_MS = 500
const WAIT_MS_MAX = 40_000

const until = (what: string, probe: () => boolean, options: WaitOptions = {}) =>
  waitFor(what, probe, { timeoutMs: WAIT_MS_MAX, ...options })

it('a region on etcd: failover, hand-over, a new controller, a store that was away', async () => {
  await using etcd = await startEtcd()
  const ending = new AbortController()
  const { signal } = ending
  const clock = systemClock
  const open = (): Promise<Store> => openEtcdStore({ endpoints: etcd.endpoints, clock, log: silentLogger })
  const ranges = new RigRanges()
  const server = async (name: string) =>
    RigServer.open({
      store: await open(),
      clock,
      ranges,
      others: new RigOthers(),
      positions: new RigPositions(new Map()),
      name,
      wallMs: () => Date.now(),
      timing,
    })
  const commits: Commit[] = []
  await using eye = await open()
  const witnessing = witness(eye, clock, commits, signal)
  await using first = await server('s1')
  await until('s1 is controller', () => first.controller.isController)
  await using second = await server('s2')

  const nodes = ['a', 'b', 'c'].map((id, index) => new RigNode(id, `z${index}`, clock))
  const running: Promise<void>[] = [witnessing]
  for (const node of nodes) {
    await node.register(first, signal, 'start-1')
    for (const each of [first, second]) running.push(node.follow(each, signal))
    running.push(
      (async () => {
        while (!signal.aborted) {
          if (!node.paused) await node.renew([first, second], signal)
          await clock.sleep(RENEW_EVERY_MS, signal).catch(() => {})
        }
      })(),
    )
  }
  const shard = (ordinal: number) => second.view.shard(shardId(rangeId(1), ordinal))?.shard
  const leaderOf = (ordinal: number) => {
    const found = shard(ordinal)
    return found?.status === 'assigned' ? found.leader : undefined
  }
  const diagnose = () =>
    JSON.stringify(
      {
        shards: [0, 1, 2].map(shard),
        nodes: second.view.nodeRecords(),
        last: nodes.map(({ errors }) => String(errors.at(-1))),
      },
      (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    )

  ranges.set('1:-')
  await until('three nodes in view', () => first.view.nodes.size === 3)
  await first.controller.openRange(range('1:-'), [keyOfText('g'), keyOfText('p')], signal)
  await until('every node has a lease', () => nodes.every(({ leases }) => leases.length > 2), { diagnose })
  await until('a leader each', () => [0, 1, 2].map(leaderOf).join() === 'a,b,c', { diagnose })

  const [a, b, c] = nodes
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes')
  a.kill()
  await until('shard 0 has another leader', () => leaderOf(0) !== 'a' && leaderOf(0) !== undefined, { diagnose })
  expect(shard(0)?.epoch).toBe(2n)
  await a.register(second, signal, 'start-2')
  expect(a.epoch).toBe(3n)
  a.paused = false
  a.catchUp()
  await until('a has a lease again', () => a.leases.at(-1)?.nodeEpoch === 3n, { diagnose })

  const target = nodeId('a')
  await expect(first.controller.handOver(shardId(rangeId(1), 2), target, signal)).resolves.toMatchObject({
    leader: 'a',
  })
  await expect(second.controller.handOver(shardId(rangeId(1), 2), target, signal)).rejects.toMatchObject({
    code: 'NOT_CONTROLLER',
    details: { controller: 's1.test:7000' },
  })

  await first.controller[Symbol.asyncDispose]()
  await until('s2 is controller', () => second.controller.isController)
  const leases = nodes.map((node) => node.leases.length)
  await until('leases through s2', () => nodes.every((node, index) => node.leases.length > (leases[index] ?? 0) + 1), {
    diagnose,
  })

  const [member] = etcd.members
  member?.pause()
  const awayMs = clock.nowMs()
  await until('etcd was away for longer than anybody waits', () => clock.nowMs() - awayMs > 2 * timing.nodeWaitMs)
  expect(nodes.every((node) => (node.leases.at(-1)?.untilMs ?? 0) < clock.nowMs())).toBe(true)
  member?.resume()
  const before = nodes.map((node) => node.leases.length)
  await until('leases again', () => nodes.every((node, index) => node.leases.length > (before[index] ?? 0) + 1), {
    diagnose,
  })
  expect(second.view.nodeRecords().map(({ status }) => status)).toEqual(['up', 'up', 'up'])

  ranges.set('1:-g#2', '2:g-#2')
  await until('the split is adopted', () => second.view.pages.get(rangeId(2))?.page.generation === 2n, { diagnose })
  expect(second.view.pages.get(rangeId(1))?.page.generation).toBe(2n)

  ending.abort(new Error('done'))
  await Promise.all(running)
  const traces = nodes.map((node) => ({ nodeId: node.id, leases: node.leases, applied: node.history, ends: node.ends }))
  // A witness sees a commit a little after it was made, never before.
  expect(violations(commits, traces, timing.nodeWaitMs - 500)).toEqual([])
  expect(commits.length).toBeGreaterThan(30)
})
