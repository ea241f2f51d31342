import type { TaxRow } from '@meridian/protocol'
import { printable } from '../printable.ts'
import { millis } from './milliseconds.ts'
import { tableLines } from './table.ts'
import type { Layout } from './table.ts'

/** A floor or ratio of 0 is one that is not known, or that distance has no part in. */
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
  return tableLines(
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
    rows
      .toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
      .map((row) => [
        row.tier === 'global' ? 'G' : 'E',
        printable(row.operation),
        printable(row.clientRegion),
        printable(row.leaderRegion) || '-',
        String(row.count),
        millis(known(row.floorMs)),
        millis(row.p50Ms),
        millis(row.p99Ms),
        row.ratioP50 === 0 ? '-' : `${row.ratioP50.toFixed(2)}x`,
      ]),
    layout,
  )
}
