import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { beginFleet, fleetIsDone, stepFleet } from './fleet-core.ts'
import type { FleetEvent, FleetState } from './fleet-core.ts'
import { operationSample, plannedSample, rangeSample } from './operation-samples.ts'
import { plannedOf } from './print/planned.ts'
import type { Planned } from './print/planned.ts'
import { operationId } from '@meridian/topology'

const plan = (...ids: number[]): readonly Planned[] => plannedOf(ids.map((id) => plannedSample(id)))

function after(state: FleetState, ...events: FleetEvent[]): FleetState {
  return events.reduce((now, event) => stepFleet(now, event)[0], state)
}

const begun = (rangeId: number): FleetEvent => ({
  kind: 'begun',
  rangeId,
  operation: `op-${rangeId}`,
  phase: 'prepare',
})
const seen = (rangeId: number, phase: string, note = ''): FleetEvent => ({
  kind: 'seen',
  rangeId,
  operation: operationSample({
    operation: `op-${rangeId}`,
    rangeId,
    phase,
    note,
    ended: phase === 'done' || phase === 'aborted',
  }),
})

describe('a fleet', () => {
  it('begins as many as may fly, in order, and the next one when one has landed', () => {
    const [state, effects] = beginFleet(plan(1, 2, 3), 2)
    expect(effects.map(({ planned }) => planned.range.rangeId)).toEqual([1, 2])
    const [next, more] = stepFleet(after(state, begun(1), begun(2)), seen(1, 'done'))
    expect(more).toMatchObject([{ kind: 'transfer', target: 'eu', planned: { range: { rangeId: 3 } } }])
    expect(next.moved).toMatchObject([{ target: 'eu', operation: 'op-1' }])
  })

  it('assigns a vacant range, for it has no data to copy', () => {
    const [planned] = plannedOf([plannedSample(1)])
    const vacant = { ...planned, range: rangeSample(1, { status: 'vacant' }) } as Planned
    const [state, effects] = beginFleet([vacant], 1)
    expect(effects).toMatchObject([{ kind: 'assign', target: 'eu' }])
    expect(after(state, { kind: 'assigned', rangeId: 1, target: 'eu' }).moved).toMatchObject([{ operation: undefined }])
  })

  it('follows what is under way already, whoever began it, and begins it not again', () => {
    const [planned] = plan(1)
    const moving = {
      ...planned,
      range: rangeSample(1, { status: 'frozen', operation: operationId('op-1') }),
    } as Planned
    const [state, effects] = beginFleet([moving], 1)
    expect(effects).toEqual([])
    expect(after(state, seen(1, 'done')).moved).toHaveLength(1)
    const [fresh] = beginFleet(plan(1), 1)
    const busy = after(fresh, { kind: 'under-way', rangeId: 1, operation: 'op-1' }, seen(1, 'clean'))
    expect(busy.flying.get(1)).toMatchObject({ operation: 'op-1', phase: 'clean' })
  })

  it('leaves, with the reason, what cannot go, was refused, was aborted or is not remembered', () => {
    const blocked = plannedOf([
      plannedSample(1, { target: '', obstacles: ['it has no standby'] }),
      plannedSample(2, { obstacles: ['eu is drained', 'it lags'] }),
      plannedSample(3, { target: '' }),
    ])
    const [state, effects] = beginFleet([...blocked, ...plan(4, 5, 6)], 4)
    expect(effects).toHaveLength(3)
    const ended = after(
      state,
      { kind: 'refused', rangeId: 4, reason: 'GENERATION_MISMATCH: it is 5' },
      begun(5),
      seen(5, 'aborted', 'no progress for 30 s'),
      begun(6),
      { kind: 'forgotten', rangeId: 6 },
    )
    expect(fleetIsDone(ended)).toBe(true)
    expect(ended.left.map(({ planned, reason }) => [planned.range.rangeId, reason])).toEqual([
      [1, 'it has no standby'],
      [2, 'eu is drained; it lags'],
      [3, 'there is nowhere to go'],
      [4, 'GENERATION_MISMATCH: it is 5'],
      [5, 'no progress for 30 s'],
      [6, 'operation op-6 is not remembered: look at the range'],
    ])
  })

  it('takes no notice of what is late or of another operation', () => {
    const [state] = beginFleet(plan(1), 1)
    const flying = after(state, begun(1))
    expect(stepFleet(flying, seen(2, 'done'))).toEqual([flying, []])
    const other: FleetEvent = { kind: 'seen', rangeId: 1, operation: operationSample({ operation: 'x', ended: true }) }
    expect(stepFleet(flying, other)).toEqual([flying, []])
    const landed = after(flying, seen(1, 'done'))
    expect(stepFleet(landed, seen(1, 'aborted'))).toEqual([landed, []])
  })
})

test('no range is lost or begun twice, never do more fly than may, and it ends, whatever comes in whichever order', () => {
  const event = fc.tuple(
    fc.constantFrom('begun', 'assigned', 'under-way', 'refused', 'follow', 'done', 'aborted', 'forgotten'),
    fc.integer({ min: 1, max: 8 }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(event, { maxLength: 80 }), (concurrency, events) => {
      const ids = [1, 2, 3, 4, 5, 6]
      let [state, effects] = beginFleet(plan(...ids), concurrency)
      const begunIds = effects.map(({ planned }) => planned.range.rangeId as number)
      const take = (next: FleetEvent): void => {
        ;[state, effects] = stepFleet(state, next)
        begunIds.push(...effects.map(({ planned }) => planned.range.rangeId as number))
        expect(state.flying.size).toBeLessThanOrEqual(concurrency)
        const all = [...state.waiting, ...[...state.flying.values()].map((flight) => flight.planned)]
        all.push(...state.moved.map(({ planned }) => planned), ...state.left.map(({ planned }) => planned))
        expect(all.map(({ range }) => range.rangeId as number).toSorted((a, b) => a - b)).toEqual(ids)
        expect(new Set(begunIds).size).toBe(begunIds.length)
      }
      for (const [kind, rangeId] of events) {
        if (kind === 'begun') take(begun(rangeId))
        else if (kind === 'assigned') take({ kind, rangeId, target: 'eu' })
        else if (kind === 'under-way') take({ kind, rangeId, operation: `op-${rangeId}` })
        else if (kind === 'refused') take({ kind, rangeId, reason: 'no' })
        else if (kind === 'forgotten') take({ kind, rangeId })
        else take(seen(rangeId, kind))
      }
      for (let left = ids.length; left > 0 && !fleetIsDone(state); left -= 1) {
        for (const rangeId of state.flying.keys()) take({ kind: 'refused', rangeId, reason: 'no' })
      }
      expect(fleetIsDone(state)).toBe(true)
      expect(begunIds.toSorted((a, b) => a - b)).toEqual(ids)
    }),
  )
})
