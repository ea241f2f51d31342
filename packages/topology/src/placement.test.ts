import { expect, test } from 'vitest'
import { isMeridianError } from './errors.ts'
import { nodeId } from './ids.ts'
import type { NodeId } from './ids.ts'
import { chooseLeader, chooseReplacement, LoadTally, placeReplicas } from './placement.ts'
import type { NodeLoad } from './placement.ts'
import { nodesOf } from './worlds.ts'

/** `a:3/1` is three replicas and one leader on node a. */
function loadOf(text: string): Map<NodeId, NodeLoad> {
  return new Map(
    text
      .split(' ')
      .filter(Boolean)
      .map((each) => {
        const [, id = '', replicas, leaders] = /^(\w+):(\d+)\/(\d+)$/.exec(each) ?? []
        return [nodeId(id), { replicas: Number(replicas), leaders: Number(leaders) }]
      }),
  )
}

test.each([
  ['one per zone', 'a1@a a2@a b1@b b2@b c1@c', 3, '', 'a1 b1 c1'],
  ['least loaded in its zone', 'a1@a a2@a b1@b c1@c', 3, 'a1:5/0 b1:9/0 c1:9/0', 'a2 b1 c1'],
  ['zone before load', 'a1@a a2@a a3@a b1@b', 2, 'b1:99/0', 'a1 b1'],
  ['zones again when there are too few', 'a1@a a2@a a3@a b1@b', 3, '', 'a1 b1 a2'],
  ['a bigger node takes more', 'a1@a*100 a2@a*300', 1, 'a1:1/0 a2:4/0', 'a2'],
  ['never a node that is down', 'a1@a- a2@a b1@b c1@c', 3, 'a2:9/0', 'b1 c1 a2'],
  ['ties by node id', 'z@a y@a x@a', 2, '', 'x y'],
])('places %s', (_, nodes, count, load, expected) => {
  expect(placeReplicas(nodesOf(nodes), count, loadOf(load)).join(' ')).toBe(expected)
  expect(placeReplicas(nodesOf(nodes).toReversed(), count, loadOf(load)).join(' ')).toBe(expected)
})

test('too few nodes up are refused, not made a shorter list', () => {
  try {
    placeReplicas(nodesOf('a@a b@b c@c-'), 3, new Map())
    expect.unreachable()
  } catch (error) {
    expect(isMeridianError(error, 'NOT_ENOUGH_NODES')).toBe(true)
  }
})

test.each([
  ['a b c', 'a@a b@b c@c', 'a:0/2 b:0/1 c:0/1', undefined, 'b'],
  ['a b c', 'a@a b@b c@c', '', 'a', 'b'],
  ['a b c', 'a@a- b@b- c@c', 'c:0/9', undefined, 'c'],
  ['a b c', 'a@a- b@b- d@c', '', undefined, undefined],
  ['a b', 'a@a*100 b@b*400', 'a:0/1 b:0/3', undefined, 'b'],
])('the leader among %s of %s with %j, without %s, is %s', (replicas, nodes, load, exclude, leader) => {
  const chosen = chooseLeader(
    replicas.split(' ').map(nodeId),
    nodesOf(nodes),
    loadOf(load),
    exclude === undefined ? undefined : nodeId(exclude),
  )
  expect(chosen?.nodeId).toBe(leader)
})

test.each([
  ['another zone', 'b c', 'a@a b@b c@c d@a e@b', '', 'a'],
  ['the least loaded', 'b c', 'a@a b@b c@c d@a', 'a:9/0', 'd'],
  ['a used zone when there is no other', 'a b', 'a@a b@b d@a e@b', 'd:9/0', 'e'],
  ['nobody down or drained', 'a b', 'a@a b@b c@c- d@d~ e@a', '', 'e'],
  ['nobody', 'a b', 'a@a b@b', '', undefined],
])('a replica that leaves goes to %s', (_, staying, nodes, load, expected) => {
  const chosen = chooseReplacement(staying.split(' ').map(nodeId), nodesOf(nodes), loadOf(load))
  expect(chosen?.nodeId).toBe(expected)
})

test.each([
  ['a b c', 'a@a~ b@b c@c', 'b:0/9 c:0/8', 'c'],
  ['a b c', 'a@a~ b@b- c@c-', '', 'a'],
])('among %s of %s a node that is drained leads only alone', (replicas, nodes, load, leader) => {
  expect(chooseLeader(replicas.split(' ').map(nodeId), nodesOf(nodes), loadOf(load))?.nodeId).toBe(leader)
})

test('a tally leaves the load it began with alone', () => {
  const load = loadOf('a:1/1')
  const tally = new LoadTally(load)
  tally.add(nodeId('a'), { leaders: 1 })
  expect(tally.loads.get(nodeId('a'))).toEqual({ replicas: 1, leaders: 2 })
  expect(load.get(nodeId('a'))).toEqual({ replicas: 1, leaders: 1 })
})
