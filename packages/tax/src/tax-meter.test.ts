import { expect, test } from 'vitest'

import { TaxMeter } from './tax-meter.ts'
import type { TaxRecord } from './tax-meter.ts'

const assign: TaxRecord = {
  operation: 'assign',
  tier: 'global',
  clientRegion: 'eu-west',
  leaderRegion: 'us-east',
  floorMs: 141,
  floorReason: 'why',
  actualMs: 144,
}

test('a row per operation, tier, leader and client', () => {
  const meter = new TaxMeter()
  for (const actualMs of [144, 144, 144, 300]) meter.record({ ...assign, actualMs })
  meter.record({ ...assign, tier: 'regional', operation: 'renew', floorMs: 2, actualMs: 3 })
  meter.record({ ...assign, leaderRegion: 'eu-west', floorMs: 70.5, actualMs: 72 })
  const rows = meter.rows()
  expect(rows.map(({ tier, operation, leaderRegion, count }) => [tier, operation, leaderRegion, count])).toEqual([
    ['global', 'assign', 'eu-west', 1],
    ['global', 'assign', 'us-east', 4],
    ['regional', 'renew', 'us-east', 1],
  ])
  expect(rows[1]).toMatchObject({ floorMs: 141, maxMs: 300, clientRegion: 'eu-west' })
  expect(Math.abs((rows[1]?.p50Ms ?? 0) / 144 - 1)).toBeLessThan(0.01)
  expect(Math.abs((rows[1]?.ratioP50 ?? 0) / (144 / 141) - 1)).toBeLessThan(0.01)
})

test('each operation is held against its own floor', () => {
  const meter = new TaxMeter()
  for (const floorMs of [100, 200, 400]) meter.record({ ...assign, floorMs, actualMs: floorMs * 1.5 })
  const [row] = meter.rows()
  expect(row?.ratioP50).toBeCloseTo(1.5, 1)
  expect(row?.floorMs).toBeCloseTo(233.3, 1)
})

test('without a floor there is a cost but no tax', () => {
  const meter = new TaxMeter()
  meter.record({ ...assign, floorMs: undefined, floorReason: 'not known' })
  expect(meter.rows()[0]).toMatchObject({
    count: 1,
    floorMs: undefined,
    floorReason: 'not known',
    ratioP50: undefined,
    maxMs: 144,
  })
  meter.record({ ...assign, floorMs: 0 })
  expect(meter.rows()[0]).toMatchObject({ count: 2, floorMs: 0, floorReason: 'why', ratioP50: undefined })
})

test('the number of kinds is bounded and what goes beyond is counted', () => {
  const meter = new TaxMeter({ keysMax: 2 })
  for (const operation of ['a', 'b', 'c', 'c', 'a']) meter.record({ ...assign, operation })
  expect(meter.rows().map(({ operation, count }) => [operation, count])).toEqual([
    ['a', 2],
    ['b', 1],
  ])
  expect(meter.dropped).toBe(2)
})
