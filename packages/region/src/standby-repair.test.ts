import { keyOfText, nodeId, rangeId, regionId } from '@meridian/topology'
import type { Page } from '@meridian/topology'
import { expect, it } from 'vitest'
import { REGION_TIMING } from './region-timing.ts'
import { Rig } from './rig.ts'
import type { RigServer } from './rig.ts'
import { range } from './rig-ranges.ts'

const { standbyRepairMs } = REGION_TIMING
const US = regionId('us')

/** Follows a range of us with two shards on a, b and c; d is there too. us feeds it, unless said otherwise. */
async function following(nodes = 'a@z1 b@z2 c@z3') {
  const rig = new Rig()
  const server = await rig.server('s1')
  await rig.pass(1000)
  await rig.join(nodes)
  rig.ranges.set('1:-')
  const opened = await server.controller.openRange(range('1:-'), [keyOfText('m')], rig.signal)
  rig.ranges.set('1:-@us/eu#2')
  rig.others.put('us', { ...opened, generation: range('1:-#2').generation })
  await rig.pass(1000)
  rig.positions.feedStandbys = true
  return { rig, server }
}

const pageOf = (server: RigServer): Page | undefined => server.view.pages.get(rangeId(1))?.page
const replicasOf = (server: RigServer): string =>
  pageOf(server)
    ?.shards.map(({ replicas }) => replicas.join(''))
    .join(' ') ?? 'none'

it('a copy is made anew when its node has been down for long, one at a time', async () => {
  const { rig, server } = await following()
  await using _ = rig
  await rig.join('d@z1 e@z2')
  expect(replicasOf(server)).toBe('abc abc')
  rig.node('a').kill()
  await rig.pass(standbyRepairMs)
  expect(replicasOf(server)).toBe('abc abc')
  await rig.pass(30_000)
  expect(replicasOf(server)).toBe('bcd bcd')
  rig.node('b').kill()
  await rig.pass(standbyRepairMs + 30_000)
  expect(replicasOf(server)).toMatch(/^cd[e] cd[e]$/)
  expect(rig.violations()).toEqual([])
})

it.each<[string, (rig: Rig) => void]>([
  ['the others are not fed', (rig) => (rig.positions.feedStandbys = false)],
  ['another of the others is down', (rig) => rig.node('b').kill()],
  ['a transfer moves the range', (rig) => rig.ranges.set('1:-@us/eu#2>!t1')],
  ['nothing is heard of the owner', (rig) => rig.others.ages.set(US, 60_000)],
  ['the owner page is not known', (rig) => rig.others.drop('us', rangeId(1))],
])('a copy stays where it is while %s', async (_, spoil) => {
  const { rig, server } = await following()
  await using _rig = rig
  await rig.join('d@z1')
  rig.node('a').kill()
  await rig.pass(5000)
  spoil(rig)
  await rig.pass(standbyRepairMs + 40_000)
  expect(replicasOf(server)).toBe('abc abc')
})

it('too few copies become as many as asked, one per while', async () => {
  const rig = new Rig()
  await using _ = rig
  const server = await rig.server('s1')
  await rig.pass(1000)
  await rig.join('a@z1')
  rig.positions.feedStandbys = true
  rig.ranges.set('1:-@us/eu')
  const other = await following()
  const theirs = pageOf(other.server)
  await other.rig[Symbol.asyncDispose]()
  if (theirs === undefined) throw new Error('no page')
  rig.others.put('us', { ...theirs, role: 'owner', generation: range('1:-').generation })
  await rig.pass(REGION_TIMING.openGraceMs + 1000)
  expect(replicasOf(server)).toBe('a a')
  await rig.join('b@z2 c@z3')
  await rig.pass(20_000)
  expect(replicasOf(server)).toMatch(/^a[bc] a[bc]$/)
  await rig.pass(standbyRepairMs + 20_000)
  expect(replicasOf(server)).toMatch(/^a(bc|cb) a(bc|cb)$/)
})

it('a node that leaves gets rid of its copies, and is then decommissioned', async () => {
  const { rig, server } = await following()
  await using _ = rig
  await rig.join('d@z1')
  await rig.pass(3000)
  await server.controller.setDuty(nodeId('a'), 'leaving', false, rig.signal)
  await rig.pass(20_000)
  expect(replicasOf(server)).toBe('bcd bcd')
  expect(server.view.nodes.get(nodeId('a'))?.node.duty).toBe('decommissioned')
})
