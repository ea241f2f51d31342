import type { Rtt } from '@meridian/protocol'
import { formatMs } from '../duration.ts'
import { printable } from '../printable.ts'
import { millis } from './milliseconds.ts'
import { tableLines } from './table.ts'
import type { Layout } from './table.ts'

/** Older than this a round trip is no ground to act on, ms. */
const STALE_MS = 30_000

export function rttJson(rtts: readonly Rtt[]) {
  return { rtts: rtts.map((rtt) => ({ ...rtt, ageMs: Number(rtt.ageMs) })) }
}

export function rttLines(rtts: readonly Rtt[], layout: Layout): string[] {
  if (rtts.length === 0) return ['nothing measured yet']
  const table = tableLines(
    [
      { title: 'source', cut: true },
      { title: 'target', cut: true },
      { title: 'min ms', align: 'right' },
      { title: 'p50', align: 'right' },
      { title: 'p99', align: 'right' },
      { title: 'one way', align: 'right' },
      { title: 'samples', align: 'right' },
      { title: 'age', align: 'right' },
    ],
    rtts.map((rtt) => [
      printable(rtt.source),
      printable(rtt.target),
      millis(rtt.minMs),
      millis(rtt.p50Ms),
      millis(rtt.p99Ms),
      `${millis(rtt.oneWayMs)} ±${millis(rtt.oneWayErrorMs)}`,
      String(rtt.samples),
      { text: formatMs(Number(rtt.ageMs)), tone: rtt.ageMs > STALE_MS ? 'bad' : 'plain' },
    ]),
    layout,
  )
  return [...table, ...notes(layout)]
}

function notes({ paint }: Layout): string[] {
  return [
    '',
    paint('faint', 'Round trips of the last minute as the source measured them. One way is told by'),
    paint('faint', 'the clocks of both ends, so its error is up to half the round trip.'),
  ]
}
