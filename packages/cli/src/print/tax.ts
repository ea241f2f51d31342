import type { TaxRow } from '@meridian/protocol'
import { printable } from '../printable.ts'
import { millis } from './milliseconds.ts'
import { tableLines, wrapText } from './table.ts'
import type { Layout } from './table.ts'

/** A floor or ratio of 0 is one that is not known. */
const known = (value: number): number | undefined => (value === 0 ? undefined : value)

export function taxJson(rows: readonly TaxRow[]) {
  return {
    rows: rows.map(({ count, floorMs, ratioP50, ...row }) => ({
      ...row,
      count: Number(count),
      floorMs: known(floorMs) ?? null,
      ratioP50: known(ratioP50) ?? null,
    })),
  }
}

/** Global operations first: theirs is the price that placement can change. */
export function taxLines(rows: readonly TaxRow[], layout: Layout): string[] {
  if (rows.length === 0) return ['no control operation yet']
  const order = ({ tier, operation, leaderRegion, clientRegion }: TaxRow) =>
    [tier === 'global' ? 0 : 1, operation, leaderRegion, clientRegion].join(' ')
  const sorted = rows.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
  const table = tableLines(
    [
      { title: 'tier' },
      { title: 'operation', cut: true },
      { title: 'client', cut: true },
      { title: 'leader', cut: true },
      { title: 'count', align: 'right' },
      { title: 'floor', align: 'right' },
      { title: 'p50 ms', align: 'right' },
      { title: 'p99', align: 'right' },
      { title: 'tax', align: 'right' },
    ],
    sorted.map((row) => [
      letterOf(row.tier),
      printable(row.operation),
      printable(row.clientRegion),
      printable(row.leaderRegion) || '-',
      String(row.count),
      floorMillis(known(row.floorMs)),
      millis(row.p50Ms),
      millis(row.p99Ms),
      row.ratioP50 === 0 ? '-' : `${row.ratioP50.toFixed(2)}x`,
    ]),
    layout,
  )
  return [...table, '', 'Floors, ms', ...reasonLines(sorted, layout)]
}

/** What each floor is made of, once per tier, client and leader unless kinds of operations differ in it. */
function reasonLines(rows: readonly TaxRow[], layout: Layout): string[] {
  const reasons = new Set(
    rows.map(({ tier, clientRegion, leaderRegion, floorReason }) => {
      const way = `${clientRegion} by ${leaderRegion === '' ? 'nobody' : leaderRegion}`
      return `${letterOf(tier)}, ${way}: ${floorReason}`
    }),
  )
  return [...reasons].flatMap((reason) =>
    wrapText(printable(reason), layout.width - 2).map((line, at) => (at === 0 ? line : `  ${line}`)),
  )
}

const letterOf = (tier: string): string => (tier === 'global' ? 'G' : 'E')

/** The floor of a commit inside a region is a fraction of a millisecond. */
const floorMillis = (value: number | undefined): string =>
  value !== undefined && value < 10 ? value.toFixed(2) : millis(value)
