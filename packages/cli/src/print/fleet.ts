import { counted, formatKey } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { formatMs } from '../duration.ts'
import type { FleetState } from '../fleet-core.ts'
import { printable } from '../printable.ts'
import type { Planned } from './planned.ts'
import { tableLines } from './table.ts'
import type { Layout } from './table.ts'

/** Rows that people are shown at once; `--json` has all. */
const LEFT_ROWS_MAX = 60
/** Ranges on their way that a line of progress names. */
const FLYING_SHOWN_MAX = 4

export function fleetJson(region: RegionId, { moved, left }: FleetState, tookMs: number) {
  return {
    region,
    moved: moved.map(({ planned, target, operation }) => ({
      ...placeOf(planned),
      target,
      operation: operation ?? null,
    })),
    left: left.map(({ planned, reason }) => ({ ...placeOf(planned), reason })),
    tookMs: Math.round(tookMs),
  }
}

function placeOf({ range: { rangeId, keyspace, start, owner } }: Planned) {
  return { rangeId, keyspace, start: formatKey(start), source: owner }
}

export function fleetLines({ moved, left }: FleetState, tookMs: number, layout: Layout): string[] {
  const summary = `${counted(moved.length, 'range')} moved in ${formatMs(tookMs)}, ${left.length} left`
  if (left.length === 0) return [summary]
  const shown = left.slice(0, LEFT_ROWS_MAX)
  const hidden = left.length - shown.length
  return [
    ...tableLines(
      [
        { title: 'range', align: 'right' },
        { title: 'keyspace', cut: true },
        { title: 'start', cut: true },
        { title: 'owner' },
        { title: 'left because', cut: true },
      ],
      shown.map(({ planned: { range }, reason }) => [
        String(range.rangeId),
        range.keyspace,
        formatKey(range.start),
        range.owner,
        { text: printable(reason), tone: 'bad' },
      ]),
      layout,
    ),
    ...(hidden === 0 ? [] : [layout.paint('faint', `and ${hidden} more; all of them with --json`)]),
    summary,
  ]
}

/** What goes on, on one line. */
export function progressText({ waiting, flying, moved, left }: FleetState, tookMs: number): string {
  const all = waiting.length + flying.size + moved.length + left.length
  const flights = [...flying.values()].slice(0, FLYING_SHOWN_MAX).map(({ planned, phase }) => {
    return `${planned.range.rangeId} ${phase}`
  })
  const more = flying.size - flights.length
  return (
    `${moved.length} of ${all} moved, ${left.length} left, ${formatMs(tookMs)}` +
    (flights.length === 0 ? '' : `; on the way: ${flights.join(', ')}${more === 0 ? '' : ` and ${more} more`}`)
  )
}
