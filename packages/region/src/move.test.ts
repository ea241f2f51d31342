import { keyOfText, nodeId, operationId, rangeId, shardId } from '@meridian/topology'
import type { OperationId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { REGION_TIMING, RegionLimits } from './region-timing.ts'
import { Rig } from './rig.ts'
import type { RigServer } from './rig.ts'
import { range } from './rig-ranges.ts'

const SHARD = shardId(rangeId(1), 0)

async function opened(nodes = 'a@z1 b@z2 c@z3 d@z1') {
  const rig = new Rig()
  const server = await rig.server('s1')
  await rig.pass(1000)
  await rig.join(nodes.split(' ').slice(0, 3).join(' '))
  rig.ranges.set('1:-@eu/us')
  await server.controller.openRange(range('1:-@eu/us'), [keyOfText('m')], rig.signal)
  const rest = nodes.split(' ').slice(3).join(' ')
  if (rest !== '') await rig.join(rest)
  await rig.pass(3000)
  const move = (operation: string, from: string, to?: string, id = SHARD) =>
    server.controller.moveReplica(
      {
        operation: operationId(operation),
        shardId: id,
        from: nodeId(from),
        to: to === undefined ? undefined : nodeId(to),
      },
      rig.signal,
    )
  return { rig, server, move }
}

/** `abd(abc) a e2`: replicas, those before, leader, epoch. */
function shardText(server: RigServer, id = SHARD): string {
  const shard = server.view.shard(id)?.shard
  if (shard === undefined) return 'none'
  const { change } = shard
  const changing =
    change === undefined ? '' : change.kind === 'joining' ? `+${change.node}` : `(${change.prior.join('')})`
  return `${shard.replicas.join('')}${changing} ${shard.status === 'assigned' ? shard.leader : '-'} e${shard.epoch}`
}

const moveOf = (server: RigServer, operation: string) => server.view.moves.get(operation as OperationId)?.move

describe('moving a replica (R18)', () => {
  it('feeds the new one, lets both sets count, and then the new one', async () => {
    const { rig, server, move } = await opened()
    await using _ = rig
    expect(shardText(server)).toBe('abc a e1')
    await expect(move('m1', 'c', 'd')).resolves.toMatchObject({ phase: 'joining', from: 'c', to: 'd' })
    expect(shardText(server)).toBe('abc+d a e1')
    await rig.clock.advance(0)
    expect(rig.node('a').held.get('1.0')?.learners).toEqual([{ nodeId: 'd', address: 'd.test:7001' }])
    expect(rig.node('d').held.get('1.0')).toMatchObject({ leader: 'a' })
    await rig.pass(1100)
    expect(shardText(server)).toBe('abd(abc) a e2')
    expect(
      rig
        .node('a')
        .held.get('1.0')
        ?.prior.map(({ nodeId: id }) => id),
    ).toEqual(['a', 'b', 'c'])
    await rig.pass(1100)
    expect(shardText(server)).toBe('abd a e3')
    expect(moveOf(server, 'm1')).toMatchObject({ phase: 'done', note: '' })
    expect(rig.node('c').held.has('1.0')).toBe(false)
    expect(rig.positions.served).toContain('1.0 g1.e2')
    expect(rig.violations()).toEqual([])
  })

  it('is one move however often it is asked for', async () => {
    const { rig, server, move } = await opened()
    await using _ = rig
    await move('m1', 'c')
    await expect(move('m1', 'c')).resolves.toMatchObject({ operation: 'm1', to: 'd' })
    await rig.pass(2000)
    await expect(move('m1', 'c', 'd')).resolves.toMatchObject({ phase: 'done' })
    await expect(move('m1', 'b', 'd')).rejects.toMatchObject({ code: 'OPERATION_REUSED' })
    expect(shardText(server)).toBe('abd a e3')
  })

  it('takes the leader off the node that leaves first', async () => {
    const { rig, server, move } = await opened()
    await using _ = rig
    await move('m1', 'a', 'd')
    await rig.pass(6000)
    expect(shardText(server)).toMatch(/^dbc [bc] e\d+$/)
    expect(moveOf(server, 'm1')?.phase).toBe('done')
    expect(rig.violations()).toEqual([])
  })

  it('is taken back when the new one does not catch up, and the target is suspect after twice', async () => {
    const { rig, server, move } = await opened('a@z1 b@z2 c@z3 d@z1 e@z2')
    await using _ = rig
    rig.positions.stuck.add('d')
    for (const operation of ['m1', 'm2']) {
      await move(operation, 'c', 'd')
      await rig.pass(REGION_TIMING.moveDeadlineMs - 2000)
      expect(shardText(server)).toBe('abc+d a e1')
      await rig.pass(4000)
      expect(shardText(server)).toBe('abc a e1')
      expect(moveOf(server, operation)).toMatchObject({ phase: 'aborted', note: expect.stringContaining('caught up') })
    }
    await expect(move('m3', 'c', 'd')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(move('m3', 'c')).resolves.toMatchObject({ to: 'e' })
    for (let ms = 0; ms <= RegionLimits.suspectMs; ms += 1000) await rig.clock.advance(1000)
    await expect(move('m4', 'b', 'd')).resolves.toMatchObject({ to: 'd' })
    expect(rig.violations()).toEqual([])
  })

  it('never lets the new set count while it would not hold what is committed (I40)', async () => {
    const { rig, server, move } = await opened()
    await using _ = rig
    rig.node('b').kill()
    rig.node('c').kill()
    await rig.pass(500)
    await move('m1', 'c', 'd')
    await rig.pass(3000)
    // a alone serves nobody: it has no quorum, so d is not fed.
    expect(shardText(server)).toMatch(/^abc\+d/)
  })

  it('goes on once both sets count, whatever happens, and can be taken back before', async () => {
    const { rig, server, move } = await opened()
    await using _ = rig
    await move('m1', 'c', 'd')
    await server.controller.abortMove(operationId('m1'), rig.signal)
    expect(shardText(server)).toBe('abc a e1')
    expect(moveOf(server, 'm1')).toMatchObject({ phase: 'aborted' })
    await move('m2', 'c', 'd')
    await rig.pass(1100)
    expect(shardText(server)).toBe('abd(abc) a e2')
    await expect(server.controller.abortMove(operationId('m2'), rig.signal)).rejects.toMatchObject({
      code: 'RANGE_BUSY',
    })
    const other = await rig.server('s2')
    rig.node('a').kill()
    await server.controller[Symbol.asyncDispose]()
    await rig.pass(3 * REGION_TIMING.nodeWaitMs)
    expect(shardText(other)).toMatch(/^abd [bd] e\d+$/)
    expect(moveOf(other, 'm2')?.phase).toBe('done')
    expect(rig.violations()).toEqual([])
  })

  it('waits while its range is frozen, and ends when it is gone', async () => {
    const { rig, server, move } = await opened()
    await using _ = rig
    rig.positions.stuck.add('d')
    await move('m1', 'c', 'd')
    rig.ranges.set('1:-@eu/us=!t1')
    await rig.pass(1000)
    rig.positions.stuck.clear()
    await rig.pass(2 * REGION_TIMING.moveDeadlineMs)
    expect(shardText(server)).toBe('abc+d a e2')
    rig.ranges.set('1:-@us/eu#2')
    await rig.pass(2000)
    expect(shardText(server)).toBe('abc - e1')
    expect(moveOf(server, 'm1')).toMatchObject({ phase: 'aborted', note: expect.stringContaining('does not own') })
  })

  it.each([
    ['m1', 'x', 'd', '1.0', 'INVALID_ARGUMENT'],
    ['m1', 'a', 'b', '1.0', 'INVALID_ARGUMENT'],
    ['m1', 'a', 'x', '1.0', 'NODE_UNKNOWN'],
    ['m1', 'a', 'd', '1.9', 'SHARD_UNKNOWN'],
  ])('%s from %s to %s of %s is refused with %s', async (operation, from, to, id, code) => {
    const { rig, move } = await opened()
    await using _ = rig
    await expect(move(operation, from, to, id as typeof SHARD)).rejects.toMatchObject({ code })
  })
})

describe('a node that leaves', () => {
  it('gets rid of leaderships and replicas, and is decommissioned when it holds nothing', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    await server.controller.setDuty(nodeId('a'), 'leaving', false, rig.signal)
    await rig.pass(10_000)
    expect(shardText(server)).toMatch(/^dbc [bcd] e\d+$/)
    expect(shardText(server, shardId(rangeId(1), 1))).toMatch(/^dbc [bcd] e\d+$/)
    expect(server.view.nodes.get(nodeId('a'))?.node.duty).toBe('decommissioned')
    expect(server.controller.moves().map(({ phase }) => phase)).toEqual(['done', 'done'])
    expect(rig.violations()).toEqual([])
  })

  it('for good and by force, with its disk lost, is replaced as well', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    rig.node('c').kill()
    await rig.pass(2 * REGION_TIMING.nodeWaitMs)
    await server.controller.setDuty(nodeId('c'), 'decommissioned', true, rig.signal)
    await rig.pass(4000)
    expect(shardText(server)).toMatch(/^abd /)
    expect(shardText(server, shardId(rangeId(1), 1))).toMatch(/^abd /)
    expect(rig.violations()).toEqual([])
  })

  it('records of moves are forgotten after a while', async () => {
    const { rig, server, move } = await opened()
    await using _ = rig
    await move('m1', 'c', 'd')
    await rig.pass(3000)
    expect(server.controller.moves()).toHaveLength(1)
    for (let ms = 0; ms <= RegionLimits.moveKeptMs; ms += 10_000) await rig.clock.advance(10_000)
    await rig.pass(3000)
    expect(server.controller.moves()).toEqual([])
  })
})
