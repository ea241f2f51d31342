import { describe, expect, it, test } from 'vitest'
import { operationSample, plannedSample, rangeSample } from '../operation-samples.ts'
import { beginProgress, lookAgain } from '../transfer-progress.ts'
import { beginFleet, stepFleet } from '../fleet-core.ts'
import { fleetJson, fleetLines, progressText } from './fleet.ts'
import { jsonText } from './json.ts'
import { moveJson, moveLines } from './moves.ts'
import { OPERATION_ROWS_MAX, operationJson, operationLines, operationPage, timeJson } from './operations.ts'
import { plain } from './paint.ts'
import { isFree, PLAN_ROWS_MAX, plannedJson, plannedLines, plannedOf } from './planned.ts'
import { regionHealthJson, regionLines } from './regions.ts'
import { transferJson, transferLine } from './transfer.ts'
import type { RegionHealth, ReplicaMove } from '@meridian/protocol'
import { generation, regionId } from '@meridian/topology'

const layout = { width: 80, paint: plain }
const nowMs = 1_007_900
/** Text that would clear a terminal, and is longer than one. */
const hostile = `\u001b[2J${'very '.repeat(60)}\u202e`

function expectTame(lines: readonly string[]): void {
  for (const line of lines) {
    expect(Array.from(line).length, line).toBeLessThanOrEqual(layout.width)
    expect(line).not.toMatch(/\p{C}/u)
  }
}

describe('operations', () => {
  const takeover = operationSample({
    operation: 'takeover:us:4',
    kind: 'takeover',
    phase: 'taking',
    keyspace: '',
    rangeId: 0,
    target: '',
    moved: 40,
    left: 17,
    note: 'eu-west is the first standby that copies',
  })

  it('are listed with what they are about and how old they are', () => {
    expect(operationLines([operationSample({ phase: 'follow', note: 'lag 1200' }), takeover], nowMs, layout)).toEqual([
      'operation      phase   what                            age  note',
      'cli-1          follow  cities range 12: us -> eu     7.9 s  lag 1200',
      'takeover:us:4  taking  us: 40 ranges taken, 17 left  7.9 s  eu-west is the firs…',
    ])
    expect(operationLines([], nowMs, layout)).toEqual(['no operations'])
  })

  it('are told one by one in full', () => {
    expect(operationPage(operationSample(), nowMs, layout)).toEqual([
      'operation  cli-1',
      'kind       transfer',
      'what       cities range 12: us -> eu',
      'generation 4 at its start',
      'phase      prepare',
      'note       -',
      'reason     upgrade',
      'started    1970-01-01T00:16:40.000Z, 7.9 s ago',
      'updated    1970-01-01T00:16:40.500Z',
    ])
  })

  it('fit a terminal whatever they say, and are cut off where there are too many', () => {
    const bad = operationSample({
      operation: hostile,
      note: hostile,
      reason: hostile,
      phase: 'done',
      keyspace: hostile,
    })
    expectTame(operationPage(bad, nowMs, layout))
    const lines = operationLines(
      Array.from({ length: OPERATION_ROWS_MAX + 5 }, () => bad),
      nowMs,
      layout,
    )
    expectTame(lines)
    expect(lines.at(-1)).toBe('and 5 more; all of them with --json')
    expect(jsonText(operationJson(bad))).not.toContain('\u001b')
  })

  it('name no moment that no clock shows', () => {
    expect(timeJson(0n)).toBeNull()
    expect(timeJson(2n ** 63n)).toBeNull()
    expect(timeJson(1n)).toBe('1970-01-01T00:00:00.001Z')
  })
})

describe('a plan', () => {
  it('has the busiest ranges first, and says what stands in the way', () => {
    const plan = plannedOf([
      plannedSample(1, { writesPerS: 2 }),
      plannedSample(2, { target: '', obstacles: ['it has no standby'] }),
      plannedSample(3, { writesPerS: 200, lagEntries: 1200n, remarks: ['eu has no standby page yet'] }),
      { ...plannedSample(4), range: undefined },
    ])
    expect(plannedLines(plan, layout)).toEqual([
      'range  keyspace  start  from  to       shards   lag  writes/s  cost ms',
      '    3  cities    k3     us    eu            3  1200     200.0    140.5',
      '    1  cities    k1     us    eu            3     0       2.0    140.5',
      '    2  cities    k2     us    nowhere       3     0       0.0    140.5',
      '',
      'range 2: it has no standby',
      'range 3: eu has no standby page yet',
    ])
    expect(plan.map(isFree)).toEqual([true, true, false])
    expect(plannedJson(plan[2] ?? expect.fail('three'))).toMatchObject({ range: { rangeId: 2 }, target: null })
  })

  it('fits a terminal, however long it is and whatever stands in the way', () => {
    const plan = plannedOf(
      Array.from({ length: PLAN_ROWS_MAX + 100 }, (_, at) =>
        plannedSample(at + 1, { obstacles: [hostile], target: hostile }),
      ),
    )
    const lines = plannedLines(plan, layout)
    expectTame(lines)
    expect(lines.length).toBeLessThan(120)
    expect(lines).toContain('and 100 more; all of them with --json')
  })
})

test('a transfer that is over is told in one line, with how long it took no writes', () => {
  const begun = beginProgress(operationSample({ phase: 'follow' }), 0)
  const frozen = lookAgain(begun, operationSample({ phase: 'freeze' }), 1900)
  const done = lookAgain(frozen, operationSample({ phase: 'done', ended: true }), 2300)
  const range = rangeSample(12, { owner: regionId('eu'), generation: generation(5) })
  expect(transferLine(done, range, 2310)).toBe(
    'range 12: eu owns it, generation 4 -> 5, in 2.3 s, frozen for at most 2.3 s',
  )
  expect(transferJson(done, range, 2310)).toMatchObject({
    operation: { operation: 'cli-1' },
    range: { owner: 'eu', generation: 5n },
    phases: [
      { phase: 'follow', ms: 1900 },
      { phase: 'freeze', ms: 400 },
      { phase: 'done', ms: 0 },
    ],
    frozenMsMax: 2300,
    tookMs: 2310,
  })
})

test('a fleet is told while it is on its way, and what is left when it has ended', () => {
  const plan = plannedOf([plannedSample(1), plannedSample(2, { obstacles: [hostile] }), plannedSample(3)])
  const [begun] = beginFleet(plan, 1)
  expect(progressText(begun, 1500)).toBe('0 of 3 moved, 1 left, 1.5 s; on the way: 1 begin')
  const [next] = stepFleet(begun, { kind: 'assigned', rangeId: 1, target: 'eu' })
  const [ended] = stepFleet(next, { kind: 'refused', rangeId: 3, reason: 'RANGE_BUSY: no' })
  const lines = fleetLines(ended, 2000, layout)
  expectTame(lines)
  expect(lines.at(-1)).toBe('1 range moved in 2.0 s, 2 left')
  expect(fleetJson(regionId('us'), ended, 2000)).toMatchObject({
    region: 'us',
    moved: [{ rangeId: 1, source: 'us', target: 'eu', operation: null }],
    left: [{ rangeId: 2 }, { rangeId: 3, reason: 'RANGE_BUSY: no' }],
    tookMs: 2000,
  })
})

describe('regions', () => {
  const health: RegionHealth = {
    region: 'us',
    displayName: 'US',
    status: 'live',
    term: 3n,
    counter: 900n,
    silentMs: 1400n,
    drained: false,
    rangesOwned: 57,
    rangesFollowed: 4,
    continuesMs: 8100n,
    continuesBy: 'lease',
    works: ['writes and reads of 57 ranges'],
    impaired: [],
    lagEntries: 1200n,
    lagRanges: 4,
  }

  it('are listed with how long they go on alone and what works', () => {
    const lost: RegionHealth = {
      ...health,
      region: 'eu',
      status: 'silent',
      drained: true,
      continuesMs: 0n,
      continuesBy: '',
      lagRanges: 0,
      works: [],
      impaired: ['no agent renews its lease', hostile],
    }
    const lines = regionLines([health, lost], layout)
    expectTame(lines)
    expect(lines.slice(0, 7)).toEqual([
      'region  status           term  silent  owns  follows   lag  writes without G',
      'us      live                3   1.4 s    57        4  1200  8.1 s, by lease',
      'eu      silent, drained     3   1.4 s    57        4     -  not at all',
      '',
      'us',
      '  works     writes and reads of 57 ranges',
      '',
    ])
    expect(regionHealthJson(health)).toMatchObject({ silentMs: 1400, continuesMs: 8100, continuesBy: 'lease' })
  })
})

test('moves are listed, whatever their nodes are called', () => {
  const move: ReplicaMove = {
    operation: 'cli-2',
    shardId: '12.0',
    from: 'us-n1',
    to: 'us-n4',
    phase: 'joining',
    note: '',
    startedWallMs: 1_000_000n,
  }
  expect(moveLines([move], nowMs, layout)).toEqual([
    'operation  shard  from   to     phase      age  note',
    'cli-2      12.0   us-n1  us-n4  joining  7.9 s',
  ])
  expectTame(moveLines([{ ...move, from: hostile, to: hostile, note: hostile, operation: hostile }], nowMs, layout))
  expect(moveJson(move)).toMatchObject({ started: '1970-01-01T00:16:40.000Z' })
})
