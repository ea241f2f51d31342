import type { RegionHealth } from '@meridian/protocol'
import { formatMs } from '../duration.ts'
import { printable } from '../printable.ts'
import { cutTo, tableLines, wrapText } from './table.ts'
import type { Layout } from './table.ts'

/** Lines about one region, at most. */
const FACT_LINES_MAX = 8

export function regionHealthJson({ silentMs, continuesMs, ...health }: RegionHealth) {
  return { ...health, silentMs: Number(silentMs), continuesMs: Number(continuesMs) }
}

export function regionLines(regions: readonly RegionHealth[], layout: Layout): string[] {
  if (regions.length === 0) return ['no regions']
  const table = tableLines(
    [
      { title: 'region', cut: true },
      { title: 'status' },
      { title: 'term', align: 'right' },
      { title: 'silent', align: 'right' },
      { title: 'owns', align: 'right' },
      { title: 'follows', align: 'right' },
      { title: 'lag', align: 'right' },
      { title: 'writes without G', cut: true },
    ],
    regions.map((health) => [
      printable(health.region),
      { text: statusText(health), tone: health.status === 'live' && !health.drained ? 'good' : 'bad' },
      String(health.term),
      formatMs(Number(health.silentMs)),
      String(health.rangesOwned),
      String(health.rangesFollowed),
      health.lagRanges === 0 ? '-' : String(health.lagEntries),
      continuesText(health),
    ]),
    layout,
  )
  const facts = regions.flatMap((health) => {
    const lines = healthFacts(health, layout)
    return lines.length === 0 ? [] : ['', layout.paint('title', printable(health.region)), ...lines]
  })
  return [...table, ...facts]
}

/** What works and what does not, indented. */
export function healthFacts({ works, impaired }: RegionHealth, layout: Layout): string[] {
  return [
    ...works.slice(0, FACT_LINES_MAX).flatMap((text) => factLines('works', text, 'good', layout)),
    ...impaired.slice(0, FACT_LINES_MAX).flatMap((text) => factLines('impaired', text, 'bad', layout)),
  ]
}

/** `8.1 s, by lease`. */
export function continuesText({ continuesMs, continuesBy }: RegionHealth): string {
  if (continuesMs === 0n) return 'not at all'
  const by = continuesBy === '' ? '' : `, by ${printable(continuesBy)}`
  return `${formatMs(Number(continuesMs))}${by}`
}

function statusText({ status, drained }: RegionHealth): string {
  return printable(status) + (drained ? ', drained' : '')
}

function factLines(label: string, text: string, tone: 'good' | 'bad', { paint, width }: Layout): string[] {
  const indent = 12
  return wrapText(printable(text), width - indent)
    .slice(0, 3)
    .map((line, at) => {
      const head = (at === 0 ? `  ${label}` : '').padEnd(indent)
      return `${paint(at === 0 ? tone : 'plain', head)}${cutTo(line, width - indent)}`
    })
}
