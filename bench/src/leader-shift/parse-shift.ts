import { parseRunHeader } from '../report/parse-results.ts'
import type { RunHeader } from '../report/report-input.ts'
import type { ShiftLine } from './shift-lines.ts'

export interface ShiftResults {
  readonly run: RunHeader
  readonly lines: readonly ShiftLine[]
}

/** What each kind of line must have to be shown, and of which type. */
const FIELDS: Readonly<Record<ShiftLine['kind'], Readonly<Record<string, 'string' | 'number'>>>> = {
  phase: {
    phase: 'string',
    leaderRegion: 'string',
    clientRegion: 'string',
    predictedMs: 'number',
    meanMs: 'number',
    p50Ms: 'number',
    p99Ms: 'number',
    count: 'number',
    failed: 'number',
  },
  move: {
    source: 'string',
    target: 'string',
    afterShiftMs: 'number',
    largestGapMs: 'number',
    gapRtts: 'number',
    slowestMs: 'number',
  },
  goal: { goal: 'string', verdict: 'string', reason: 'string' },
}

/** Reads a results file of the leader shift. Throws an Error that begins with the number of the offending line. */
export function parseShift(jsonl: string): ShiftResults {
  const [first, ...others] = jsonl.trimEnd().split('\n')
  const run = parseRunHeader(first ?? '')
  const lines = others.map((line, index): ShiftLine => {
    const fields: unknown = JSON.parse(line)
    const place = `line ${index + 2}`
    if (typeof fields !== 'object' || fields === null || !('kind' in fields)) throw new Error(`${place}: has no kind`)
    const wanted = FIELDS[fields.kind as ShiftLine['kind']]
    if (wanted === undefined) throw new Error(`${place}: ${JSON.stringify(fields.kind)} is no kind of line`)
    for (const [name, type] of Object.entries(wanted)) {
      const value = (fields as Readonly<Record<string, unknown>>)[name]
      if (typeof value !== type) throw new Error(`${place}: ${name} must be a ${type}`)
    }
    // Checked field by field above.
    return fields as ShiftLine
  })
  return { run, lines }
}
