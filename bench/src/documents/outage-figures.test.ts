import { expect, it } from 'vitest'
import { outageFigures } from './outage-figures.ts'

const run = { bench: 'run', date: '2026-11-21T07:00:00.000Z', node: 'v26', cores: 2, cpu: 'a machine' }
const distribution = { count: 30, p50: 600, p99: 1900, max: 2100 }
const text = (...lines: readonly object[]): string =>
  [run, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')

it('say what was measured against its goal, and how to measure what was not', () => {
  const transfer = {
    bench: 'transfer-summary',
    transfers: 20,
    writesPerS: 200,
    shards: 8,
    gapMs: distribution,
    quietGapMs: { ...distribution, p50: 99 },
    floorMs: 105.8,
    failed: 1,
    unknown: 0,
  }
  const loss = {
    bench: 'region-loss',
    withLeader: false,
    ranges: 4000,
    writesPerS: 100,
    lost: 'a',
    heir: 'b',
    waitMs: 9431,
    firstTakenMs: 10_500,
    lastTakenMs: 23_000,
    firstServedMs: 16_000,
    lastServedMs: 30_000,
    allLedMs: 24_800,
    failed: 0,
    unknown: 2,
  }
  const shown = outageFigures(
    new Map([
      ['transfer', text(transfer)],
      ['region-loss-4000', text(loss)],
    ]),
  )
  expect(shown).toContain('Runs of 2026-11-21 on 2 cores (a machine)')
  expect(shown).toMatch(/`failover` +\| not measured yet/)
  expect(shown).toContain('p50 0.60 s, p99 1.9 s (without a transfer p50 0.10 s;')
  expect(shown).toContain('p99 <= 2.0 s: met; none failed: not met')
  expect(shown).toContain('first write <= 15 s: not met; last range <= 60 s: met')
})

it('refuses a file that no outage wrote', () => {
  expect(() => outageFigures(new Map([['transfer', text({ bench: 'wish' })]]))).toThrow('ends with {"bench":"wish"}')
})
