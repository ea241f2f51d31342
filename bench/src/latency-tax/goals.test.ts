import { describe, expect, it } from 'vitest'
import { cell } from './fixtures/cell.ts'
import { allMet, goalsOf } from './goals.ts'
import type { GoalName, GoalVerdict } from './goals.ts'
import type { CellLine } from '../report/report-input.ts'

const commit = (change: Partial<CellLine>) =>
  cell({ floorMs: 150, rawP50Ms: 152, oursP50Ms: 152.4, oursP99Ms: 160, ...change })
const changes = (flatMs: number, regionalMs: number) => [
  cell({ operation: 'flat-leader-change', oursP50Ms: flatMs }),
  cell({ operation: 'regional-leader-change', floorMs: 0, oursP50Ms: regionalMs }),
]

describe('goals of a cell', () => {
  it.each<{ goal: GoalName; verdict: GoalVerdict; lines: readonly CellLine[] }>([
    { goal: 'raw', verdict: 'met', lines: [commit({ rawP50Ms: 152, oursP50Ms: 152.5 })] },
    { goal: 'raw', verdict: 'not met', lines: [commit({ rawP50Ms: 152, oursP50Ms: 152.6 })] },
    { goal: 'floor', verdict: 'met', lines: [commit({ oursP50Ms: 154 })] },
    { goal: 'floor', verdict: 'not met', lines: [commit({ oursP50Ms: 154.1 })] },
    { goal: 'tail', verdict: 'met', lines: [commit({ oursP99Ms: 165 })] },
    { goal: 'tail', verdict: 'not met', lines: [commit({ oursP99Ms: 165.1 })] },
    { goal: 'tax', verdict: 'met', lines: [commit({ oursP50Ms: 154.5 })] },
    { goal: 'tax', verdict: 'not met', lines: [commit({ oursP50Ms: 154.6 })] },
    { goal: 'tax', verdict: 'met', lines: [commit({ floorMs: 140, oursP50Ms: 144 })] },
    { goal: 'tax', verdict: 'does not apply', lines: [commit({ floorMs: 139.9, oursP50Ms: 200 })] },
    { goal: 'regional', verdict: 'met', lines: [commit({}), ...changes(150, 3)] },
    { goal: 'regional', verdict: 'not met', lines: [commit({}), ...changes(149, 3)] },
    { goal: 'regional', verdict: 'does not apply', lines: [commit({})] },
    { goal: 'floor', verdict: 'rejected', lines: [commit({ rejected: 'stalled' })] },
    { goal: 'raw', verdict: 'does not apply', lines: [commit({ rawP50Ms: null })] },
  ])('$goal: $verdict', ({ goal, verdict, lines }) => {
    const [only] = goalsOf(lines)
    expect(only?.results.find((result) => result.goal === goal)?.verdict).toBe(verdict)
  })

  it('are judged once per cell of a global commit', () => {
    const lines = [commit({}), commit({ clientRegion: 'c' }), ...changes(150, 1)]
    expect(goalsOf(lines).map(({ leaderRegion, clientRegion }) => [leaderRegion, clientRegion])).toEqual([
      ['a', 'b'],
      ['a', 'c'],
    ])
  })

  it('are all met only if none is unmet or unjudged', () => {
    expect(allMet(goalsOf([commit({})]))).toBe(true)
    expect(allMet(goalsOf([commit({}), commit({ clientRegion: 'c', oursP50Ms: 170 })]))).toBe(false)
    expect(allMet(goalsOf([commit({ rejected: 'stalled' })]))).toBe(false)
    expect(allMet([])).toBe(false)
  })
})
