import { describe, expect, it } from 'vitest'
import { parseResults } from '../report/parse-results.ts'
import { cellLines, resultsText } from './cell-lines.ts'
import { cell, run } from './fixtures/cell.ts'
import { OPERATION_RUNS, REGIONAL_READ } from './operations.ts'
import type { SlotSamples } from './open-loop.ts'

const samplesOf = (latenciesMs: readonly number[]): SlotSamples => ({
  latenciesMs,
  completionsMs: latenciesMs.map((_, index) => 100 * index),
  failures: [],
})

describe('the lines of a cell', () => {
  const names = [
    ...new Set(
      OPERATION_RUNS.flatMap(({ direct, proxied, raw, ours }) => [direct, proxied, raw, ours]).concat(REGIONAL_READ),
    ),
  ]
  const measured = {
    topology: 'abc-3',
    leaderRegion: 'a',
    clientRegion: 'b',
    floorMs: 100,
    floorReason: 'both ways',
    fsyncMs: 0.25,
    samples: new Map(names.map((name, index) => [name, samplesOf([index + 0.12345, index + 1, index + 2])])),
    rejected: null,
  }

  it('are one per operation, with its four runs', () => {
    const lines = cellLines(measured, OPERATION_RUNS)
    expect(lines.map(({ operation }) => operation)).toEqual(OPERATION_RUNS.map(({ operation }) => operation))
    const p50 = (name: string) => names.indexOf(name) + 1
    expect(lines[0]).toEqual({
      topology: 'abc-3',
      operation: 'global-commit',
      leaderRegion: 'a',
      clientRegion: 'b',
      floorMs: 100,
      floorReason: 'both ways',
      directP50Ms: p50('put direct'),
      proxiedP50Ms: p50('put proxied'),
      rawP50Ms: p50('put raw'),
      rawP99Ms: p50('put raw') + 1,
      oursP50Ms: p50('assign'),
      oursP99Ms: p50('assign') + 1,
      taxRatio: p50('assign') / 100,
      count: 3,
      largestGapMs: 100,
      rejected: null,
    })
  })

  it('have no floor and no ratio where neither distance nor disk is part of it', () => {
    const lines = cellLines(measured, OPERATION_RUNS).filter(({ floorMs }) => floorMs === 0)
    expect(lines.map(({ operation, taxRatio }) => [operation, taxRatio])).toEqual([['local-read', null]])
  })

  it('hold a regional commit against a confirmed read and an fsync', () => {
    const readMs = names.indexOf(REGIONAL_READ) + 1
    const regional = cellLines(measured, OPERATION_RUNS).find(({ operation }) => operation === 'regional-leader-change')
    expect(regional).toMatchObject({
      floorMs: readMs + 0.25,
      floorReason: `confirmed read ${readMs} ms + fsync 0.25 ms`,
      taxRatio: Math.round((1e4 * (names.indexOf('regional change') + 1)) / (readMs + 0.25)) / 1e4,
    })
    const samples = new Map(measured.samples).set(REGIONAL_READ, samplesOf([]))
    const unknown = cellLines({ ...measured, samples }, OPERATION_RUNS).at(-1)
    expect(unknown).toMatchObject({ floorMs: null, taxRatio: null })
  })

  it('have nulls where nothing succeeded', () => {
    const samples = new Map(measured.samples).set('assign', samplesOf([]))
    const [commit] = cellLines({ ...measured, samples, rejected: '3 of assign failed' }, OPERATION_RUNS)
    expect(commit).toMatchObject({ oursP50Ms: null, oursP99Ms: null, taxRatio: null, count: 0, largestGapMs: null })
    expect(commit?.rejected).toBe('3 of assign failed')
  })

  it('are read back from a results file as they were written', () => {
    const lines = [cell({}), cell({ operation: 'local-read', floorMs: 0, taxRatio: null, rejected: 'stalled' })]
    expect(parseResults(resultsText(run, lines))).toEqual({ run, lines })
  })
})
