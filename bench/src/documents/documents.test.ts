import { describe, expect, it } from 'vitest'
import { cell, run } from '../latency-tax/fixtures/cell.ts'
import { resultsText } from '../latency-tax/cell-lines.ts'
import { shiftGoals } from '../leader-shift/shift-goals.ts'
import { shiftText } from '../leader-shift/shift-lines.ts'
import type { MoveLine, PhaseLine } from '../leader-shift/shift-lines.ts'
import { parseShift } from '../leader-shift/parse-shift.ts'
import { sampleResults } from '../report/fixtures/sample-results.ts'
import { blockNames, withBlocks } from './marked-blocks.ts'
import { markdownTable } from './markdown-table.ts'
import { resultsBlock } from './results-blocks.ts'

const phase: PhaseLine = {
  kind: 'phase',
  topology: 'abc-3',
  phase: 'after',
  leaderRegion: 'b',
  clientRegion: 'b',
  predictedMs: 73.5,
  meanMs: 75.25,
  p50Ms: 75,
  p99Ms: 80,
  maxMs: 90,
  count: 1200,
  failed: 0,
  within: true,
}
const move: MoveLine = {
  kind: 'move',
  topology: 'abc-3',
  source: 'a',
  target: 'b',
  afterShiftMs: 91_000,
  reason: 'b would cost less',
  largestGapMs: 350,
  rttMs: 238,
  gapRtts: 350 / 238,
  slowestMs: 700,
}
const shifted = [phase, move, ...shiftGoals({ phases: [phase], moves: [move], failures: [], rejected: null })]

describe('figures in documents', () => {
  const text = [
    'before',
    '<!-- figures latency-tax-abc-3: written by meridian bench render -->',
    'old',
    '<!-- end of figures -->',
    'between',
    '<!-- figures leader-shift-abc-3: written by meridian bench render -->',
    '<!-- end of figures -->',
    'after',
  ].join('\n')

  it('are replaced between their marks, again and again with the same end', () => {
    expect(blockNames(text)).toEqual(['latency-tax-abc-3', 'leader-shift-abc-3'])
    const once = withBlocks(text, (name) => `of ${name}\n`)
    expect(once).toContain('-->\n\nof latency-tax-abc-3\n\n<!-- end of figures -->\nbetween\n')
    expect(once).not.toContain('old')
    expect(withBlocks(once, (name) => `of ${name}\n`)).toBe(once)
    expect(() => withBlocks(text, () => undefined)).toThrow('nothing is known of the figures "latency-tax-abc-3"')
  })

  it('say how to measure what was not measured, and nothing of what no benchmark writes', () => {
    expect(resultsBlock('latency-tax-aws-5', undefined)).toContain('./meridian bench latency-tax --topology aws-5')
    expect(resultsBlock('wishes', '{}')).toBeUndefined()
  })

  it.each([3, 5] as const)('of %i regions have a row per leader and every goal', (count) => {
    const { run: ran, lines } = sampleResults(count)
    const block =
      resultsBlock(`latency-tax-aws-${count}`, resultsText({ ...ran, parameters: run.parameters }, lines)) ?? ''
    for (const { displayName } of ran.regions) expect(block).toMatch(new RegExp(`^\\| ${displayName} +\\|`, 'm'))
    expect(block).toContain(`${count * count} of ${count * count} cells accepted`)
    expect(block).toMatch(/^\| p50 <= raw etcd \+ 0\.5 ms +\| +[0-9]+ of [0-9]+ \|/m)
    expect(block).toMatch(/and no code wins that back/)
    expect(block).not.toMatch(/NaN|undefined/)
  })

  it('claim nothing of rejected cells and unranked places', () => {
    const lines = [cell({ leaderRegion: 'a', clientRegion: 'b', rejected: 'stalled' })]
    const block = resultsBlock('latency-tax-abc-3', resultsText(run, lines)) ?? ''
    expect(block).toContain('0 of 1 cells accepted')
    expect(block).toContain('rejected')
    expect(block).not.toMatch(/Led from|NaN|undefined/)
  })

  it('of a shift say what was promised, what came of it and what the move cost', () => {
    const block = resultsBlock('leader-shift-abc-3', shiftText(run, shifted)) ?? ''
    expect(block).toMatch(/^\| after the move +\| b +\| b +\| +73\.5 \| +75\.3 \|/m)
    expect(block).toContain('nobody was answered for 350.0 ms, 1.5 round trips between the two')
    expect(block.match(/\| met /g)).toHaveLength(3)
  })
})

describe('a results file of the shift', () => {
  it('is read back as it was written', () => {
    const { lines } = parseShift(shiftText(run, shifted))
    expect(lines).toMatchObject([{ kind: 'phase', meanMs: 75.25 }, { kind: 'move' }, {}, {}, {}])
  })

  it.each([
    ['{}', 'line 2: has no kind'],
    ['{"kind":"wish"}', 'line 2: "wish" is no kind of line'],
    ['{"kind":"goal","goal":"g","verdict":3}', 'line 2: verdict must be a string'],
  ])('is refused at the line of its fault: %s', (line, message) => {
    expect(() => parseShift(`${JSON.stringify(run)}\n${line}\n`)).toThrow(message)
  })

  it('begins with the run', () => {
    expect(() => parseShift('{"kind":"goal"}\n')).toThrow('line 1: the first line must be the run')
  })
})

it('a table is padded, with words to the left and figures to the right', () => {
  expect(markdownTable(1, ['a', 'ms'], [['long', '1.5'], ['b']])).toBe(
    ['| a    |  ms |', '| ---- | --: |', '| long | 1.5 |', '| b    |     |'].join('\n'),
  )
})
