import { drainKey, EMPTY_KEY, operationId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { TRANSFER_TIMING } from './transfer-state.ts'
import { SOUTH, transferWorld } from './transfer-world.ts'
import { CITIES, EAST, nextOperation, WEST } from './world.ts'

const phases = (w: Awaited<ReturnType<typeof transferWorld>>): string[] => {
  const seen: string[] = []
  w.first.view.subscribe(() => {
    const entry = w.first.view.journal.get(operationId('move-1'))
    if (entry !== undefined && seen.at(-1) !== entry.phase) seen.push(entry.phase)
  })
  return seen
}

describe('a planned transfer', () => {
  it('loses nothing, serves nothing twice, and costs four commits at G', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    await w.pass(500)
    const seen = phases(w)
    await w.begin(WEST)
    expect(w.range()).toMatchObject({ status: 'moving', owner: EAST, generation: 1n, operation: 'move-1' })
    await w.pass(3000)
    expect(seen).toEqual(['prepare', 'follow', 'freeze', 'clean', 'done'])
    expect(w.range()).toMatchObject({ status: 'active', owner: WEST, generation: 2n, standbys: [EAST] })
    expect(w.entry()).toMatchObject({ phase: 'done', note: 'moved', opSeq: 5, source: EAST, target: WEST })
    expect(w.rig.violations).toEqual([])
    expect(w.rig.rigPage(EAST)).toMatchObject({ role: 'standby', generation: 2n })
    expect([...w.rig.acknowledged.values()].every((index) => index > 200)).toBe(true)
  })

  it('to a region that does not follow yet makes it one', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    await w.pass(500)
    await w.begin(SOUTH)
    await w.pass(3000)
    expect(w.range()).toMatchObject({ owner: SOUTH, standbys: [WEST, EAST] })
    expect(w.rig.violations).toEqual([])
  })

  it('refuses writes for as long as a few round trips take', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    await w.pass(500)
    await w.begin(WEST)
    let frozenMs = 0
    for (let i = 0; i < 600; i += 1) {
      await w.pass(5)
      const page = w.rig.rigPage(EAST)
      if (page?.leadersFrozenFor !== undefined && w.rig.rigPage(WEST)?.led !== true) frozenMs += 5
    }
    expect(w.range().owner).toBe(WEST)
    expect(frozenMs).toBeGreaterThan(0)
    expect(frozenMs).toBeLessThan(200)
  })

  it('is carried on by whoever is elected next', async () => {
    await using w = await transferWorld()
    const first = await w.serve('a')
    await w.serve('b')
    w.rig.stuck.add(WEST)
    await w.pass(2000)
    await w.begin(WEST)
    await w.pass(1000)
    expect(w.entry().phase).toBe('follow')
    await first.stop()
    w.rig.stuck.delete(WEST)
    await w.pass(10_000)
    expect(w.range()).toMatchObject({ owner: WEST, generation: 2n })
    expect(w.rig.violations).toEqual([])
  })

  it('that is asked for again is found again', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    await w.pass(500)
    await w.begin(WEST)
    await w.pass(3000)
    expect(await w.begin(WEST)).toMatchObject({ phase: 'done' })
    expect(w.range()).toMatchObject({ owner: WEST, generation: 2n })
  })
})

describe('a node that does not answer', () => {
  it('is given up by the clock that everything is counted on, and asked again', async () => {
    await using w = await transferWorld()
    const answered = w.rig.askPositions.bind(w.rig)
    const silent = new Set<string>()
    w.rig.askPositions = (node, shards, signal: AbortSignal = w.first.signal) => {
      if (silent.has(node.nodeId)) return answered(node, shards)
      silent.add(node.nodeId)
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('nobody waits any more')), { once: true })
      })
    }
    await w.serve('a')
    await w.pass(500)
    await w.begin(WEST)
    await w.pass(1500)
    expect(w.entry().phase).toBe('follow')
    expect(silent.size).toBeGreaterThanOrEqual(3)
    await w.pass(3500)
    expect(w.range()).toMatchObject({ owner: WEST, generation: 2n })
    expect(w.rig.violations).toEqual([])
  })
})

describe('an abort', () => {
  it('gives the range back as it was, and is over when the source takes writes again', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    await w.pass(500)
    await w.begin(WEST)
    while (w.entry().phase !== 'freeze') await w.pass(5)
    w.rig.stuck.add(WEST)
    await w.transfers.abort(operationId('move-1'), 'changed my mind', w.first.signal)
    expect(w.entry()).toMatchObject({ phase: 'aborting', note: 'changed my mind' })
    expect(w.range()).toMatchObject({ status: 'active', owner: EAST, generation: 1n })
    await w.pass(500)
    expect(w.entry()).toMatchObject({ phase: 'aborted', note: 'changed my mind' })
    const before = [...w.rig.acknowledged.values()]
    await w.pass(100)
    expect([...w.rig.acknowledged.values()]).not.toEqual(before)
    expect(w.rig.violations).toEqual([])
  })

  it('comes too late once the change of owner is committed', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    await w.pass(500)
    await w.begin(WEST)
    await w.pass(3000)
    await expect(w.transfers.abort(operationId('move-1'), 'late', w.first.signal)).rejects.toMatchObject({
      code: 'TRANSFER_ENDED',
    })
    await expect(w.transfers.abort(operationId('other'), 'what', w.first.signal)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  it('comes by itself when nothing moves, and a target that failed twice is suspect', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    w.rig.stuck.add(WEST)
    await w.pass(2000)
    for (const operation of ['move-1', 'move-2'].map((id) => operationId(id))) {
      await w.begin(WEST, operation)
      await w.pass(TRANSFER_TIMING.stallMsMax + 2000)
      expect(w.entry(operation)).toMatchObject({
        phase: 'aborted',
        note: expect.stringMatching(/^no progress for 30000 ms/),
      })
    }
    expect(w.range()).toMatchObject({ status: 'active', owner: EAST, generation: 1n })
    await expect(w.begin(WEST, operationId('move-3'))).rejects.toMatchObject({
      code: 'RANGE_BUSY',
      message: '2 transfers to eu-west failed in the last 10 minutes',
    })
  })

  it('comes by itself when the range stays frozen too long', async () => {
    await using w = await transferWorld()
    await w.serve('a')
    await w.pass(500)
    await w.begin(WEST)
    while (w.entry().phase !== 'freeze') await w.pass(5)
    for (const replica of w.rig.replicas(WEST)) replica.down = true
    await w.pass(TRANSFER_TIMING.frozenMsMax - 1000)
    expect(w.range().status).toBe('frozen')
    await w.pass(2000)
    expect(w.entry()).toMatchObject({ phase: 'aborted', note: expect.stringMatching(/^frozen for 10000 ms/) })
    expect(w.rig.rigPage(EAST)).toMatchObject({ frozenFor: undefined, generation: 1n })
  })

  it('comes by itself when the target may not get anything any more', async () => {
    await using w = await transferWorld()
    let objection: string | undefined
    await w.serve('a', () => objection)
    w.rig.stuck.add(WEST)
    await w.pass(2000)
    await w.begin(WEST)
    await w.pass(1000)
    objection = 'is drained'
    await w.pass(1000)
    expect(w.entry()).toMatchObject({ phase: 'aborted', note: 'eu-west is drained' })
  })
})

it('a takeover of the source ends the transfer', async () => {
  await using w = await transferWorld()
  await w.serve('a')
  w.rig.stuck.add(WEST)
  await w.pass(2000)
  await w.begin(WEST)
  await w.pass(1000)
  await w.first.service.mutate(
    operationId('take-1'),
    { kind: 'take-over', keyspace: CITIES, from: EAST, takes: [{ start: EMPTY_KEY, target: WEST }] },
    w.first.signal,
  )
  await w.pass(1000)
  expect(w.entry()).toMatchObject({ phase: 'aborted', note: 'eu-west owns the range since take-1' })
  expect(w.range()).toMatchObject({ owner: WEST, generation: 2n, status: 'active' })
})

it('nothing is begun towards a drained or unknown region', async () => {
  await using w = await transferWorld()
  const put = { kind: 'put', key: drainKey(WEST), value: Buffer.from('{}') } as const
  await w.first.store.txn({ guards: [], operations: [put] }, w.first.signal)
  await expect(w.begin(WEST)).rejects.toMatchObject({
    code: 'RANGE_BUSY',
    message: 'eu-west is drained: nothing is handed to it',
  })
  expect(w.range().status).toBe('active')
  await expect(w.begin('mars' as typeof WEST, nextOperation())).rejects.toMatchObject({ code: 'REGION_UNKNOWN' })
})
