import { describe, expect, it } from 'vitest'
import { cell, run } from './fixtures/cell.ts'
import { cellTable, rejections, summaryLines } from './tables.ts'

const REGIONS = ['ap-northeast', 'ap-southeast', 'us-east', 'eu-west', 'us-west']
const lines = REGIONS.flatMap((leaderRegion) =>
  REGIONS.flatMap((clientRegion) => [
    cell({ leaderRegion, clientRegion, rejected: clientRegion === 'us-east' ? 'the leader changed' : null }),
    cell({ leaderRegion, clientRegion, operation: 'flat-leader-change' }),
    cell({
      leaderRegion,
      clientRegion,
      operation: 'regional-leader-change',
      floorMs: 0,
      oursP50Ms: 1.1,
      taxRatio: null,
    }),
  ]),
)

describe('tables', () => {
  it('say where the time of a cell goes', () => {
    expect(
      cellTable([cell({}), cell({ clientRegion: 'c', rejected: 'x', proxiedP50Ms: null })], 'global-commit'),
    ).toEqual([
      'leader client floor emul etcd ours+   p50   p99    tax',
      'a      b      150.0 0.20 1.80  0.40 152.4 160.0  1.016',
      'a      c      150.0    -    -  0.40 152.4 160.0 1.016!',
    ])
  })

  it('fit into 80 columns but for reasons of rejection', () => {
    const summary = summaryLines(run, [...lines, cell({ operation: 'global-commit-one-down' })])
    const shown = summary.slice(0, summary.indexOf('Rejected, not to be used (! above):'))
    expect(shown.filter((line) => line.length > 80)).toEqual([])
    expect(shown).toContain('floor: p50 <= floor + 4 ms: 20 of 20, 5 rejected')
    expect(shown).toContain('With the nearest voter (b) dead')
  })

  it('name a rejected cell once', () => {
    expect(rejections([cell({ rejected: 'x' }), cell({ operation: 'local-read', rejected: 'x' })])).toEqual(['a b: x'])
  })
})
