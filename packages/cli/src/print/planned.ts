import { fromWireRange } from '@meridian/protocol'
import type { PlannedTransfer } from '@meridian/protocol'
import { formatKey } from '@meridian/topology'
import type { RangeDescriptor } from '@meridian/topology'
import { printable } from '../printable.ts'
import { millis } from './milliseconds.ts'
import { rangeJson } from './ranges.ts'
import type { Tone } from './paint.ts'
import { cutTo, tableLines } from './table.ts'
import type { Layout } from './table.ts'

/** Rows that people are shown at once; `--json` has all. */
export const PLAN_ROWS_MAX = 60
const OBSTACLE_LINES_MAX = 40

/** A planned transfer whose range was checked as it came in. */
export interface Planned {
  readonly range: RangeDescriptor
  /** Undefined: there is nowhere to go. */
  readonly target: string | undefined
  readonly obstacles: readonly string[]
  /** What makes it take longer. */
  readonly remarks: readonly string[]
  readonly shards: number
  readonly lagEntries: bigint
  readonly commitMs: number
  readonly writesPerS: number
}

/** Biggest demand first, then by range; a plan without its range is none. */
export function plannedOf(transfers: readonly PlannedTransfer[]): readonly Planned[] {
  return transfers
    .flatMap(({ range, target, ...transfer }) =>
      range === undefined
        ? []
        : [{ ...transfer, range: fromWireRange(range), target: target === '' ? undefined : target }],
    )
    .toSorted((a, b) => b.writesPerS - a.writesPerS || a.range.rangeId - b.range.rangeId)
}

/** Whether nothing stands in its way. */
export const isFree = ({ target, obstacles }: Planned): boolean => target !== undefined && obstacles.length === 0

export function plannedJson({ range, target, ...planned }: Planned) {
  return { range: rangeJson(range), target: target ?? null, ...planned }
}

export function plannedLines(plan: readonly Planned[], layout: Layout): string[] {
  const { paint, width } = layout
  if (plan.length === 0) return ['no ranges to move']
  const shown = plan.slice(0, PLAN_ROWS_MAX)
  const table = tableLines(
    [
      { title: 'range', align: 'right' },
      { title: 'keyspace', cut: true },
      { title: 'start', cut: true },
      { title: 'from' },
      { title: 'to' },
      { title: 'shards', align: 'right' },
      { title: 'lag', align: 'right' },
      { title: 'writes/s', align: 'right' },
      { title: 'cost ms', align: 'right' },
    ],
    shown.map((planned) => [
      String(planned.range.rangeId),
      planned.range.keyspace,
      formatKey(planned.range.start),
      planned.range.owner,
      planned.target === undefined
        ? { text: 'nowhere', tone: 'bad' }
        : { text: printable(planned.target), tone: planned.obstacles.length === 0 ? 'good' : 'bad' },
      String(planned.shards),
      String(planned.lagEntries),
      planned.writesPerS.toFixed(1),
      planned.commitMs > 0 ? millis(planned.commitMs) : '-',
    ]),
    layout,
  )
  const hidden = plan.length - shown.length
  if (hidden > 0) table.push(paint('faint', `and ${hidden} more; all of them with --json`))
  const told = (range: RangeDescriptor, tone: Tone, texts: readonly string[]): string[] =>
    texts.map((text) => paint(tone, cutTo(`range ${range.rangeId}: ${printable(text)}`, width)))
  const obstacles = [
    ...plan.flatMap(({ range, obstacles: each }) => told(range, 'bad', each)),
    ...plan.flatMap(({ range, remarks }) => told(range, 'faint', remarks)),
  ]
  if (obstacles.length === 0) return table
  const listed = obstacles.slice(0, OBSTACLE_LINES_MAX)
  const unlisted = obstacles.length - listed.length
  return [
    ...table,
    '',
    ...listed,
    ...(unlisted === 0 ? [] : [paint('faint', `and ${unlisted} remarks more; all of them with --json`)]),
  ]
}
