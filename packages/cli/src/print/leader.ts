import type { ExplainLeaderResponse } from '@meridian/protocol'
import { formatMs } from '../duration.ts'
import { printable } from '../printable.ts'
import { millis } from './milliseconds.ts'
import { cutTo, tableLines, wrapText } from './table.ts'
import type { Layout } from './table.ts'

const LABEL_WIDTH = 12

export function leaderJson(answer: ExplainLeaderResponse) {
  return {
    ...answer,
    decidedMs: Number(answer.decidedMs),
    candidates: answer.candidates.map(({ costMs, quorumMs, clients, ...candidate }) => ({
      ...candidate,
      costMs: costMs ?? null,
      quorumMs: costMs === undefined && quorumMs === 0 ? null : quorumMs,
      clients: clients.map(({ floorMs, ...client }) => ({
        ...client,
        floorMs: costMs === undefined && floorMs === 0 ? null : floorMs,
      })),
    })),
  }
}

export function leaderLines(answer: ExplainLeaderResponse, layout: Layout): string[] {
  const demand = [...sharesOf(answer.candidates)]
    .map(([region, share]) => `${region} ${Math.round(share * 100)}%`)
    .join(', ')
  const { leader, preferred, objective, placer, decision, reason, decidedMs } = answer
  const fact = (label: string, text: string): string[] =>
    wrapText(printable(text), layout.width - LABEL_WIDTH - 1).map(
      (line, at) => `${(at === 0 ? label : '').padEnd(LABEL_WIDTH)} ${line}`,
    )
  return [
    ...fact('leader', leader === '' ? 'none known' : leader),
    ...fact('preferred', preferred === '' ? 'none: costs decide' : preferred),
    ...fact('objective', objective),
    ...fact('decision', `${decision}, for ${formatMs(Number(decidedMs))}, by ${placer === '' ? 'nobody' : placer}`),
    ...fact('because', reason),
    ...fact('demand', demand),
    '',
    ...candidateLines(answer, layout),
  ]
}

/** A row per candidate; a column per client region with the least a commit of its would take. */
function candidateLines({ candidates, leader }: ExplainLeaderResponse, layout: Layout): string[] {
  const asking = [...sharesOf(candidates).keys()]
  const table = tableLines(
    [
      { title: 'leader' },
      { title: 'cost ms', align: 'right' },
      { title: 'quorum', align: 'right' },
      ...asking.map((region) => ({ title: printable(region), align: 'right' as const, cut: true })),
    ],
    candidates.map((candidate) => [
      { text: printable(candidate.region), tone: candidate.region === leader ? 'title' : 'plain' },
      millis(candidate.costMs),
      candidate.quorumMs === 0 && candidate.costMs === undefined ? '-' : millis(candidate.quorumMs),
      ...asking.map((region) => {
        const client = candidate.clients.find((each) => each.region === region)
        return client === undefined || (candidate.costMs === undefined && client.floorMs === 0)
          ? '-'
          : millis(client.floorMs)
      }),
    ]),
    layout,
  )
  const obstacles = candidates
    .filter(({ obstacle }) => obstacle !== '')
    .map(({ region, obstacle }) =>
      layout.paint('bad', cutTo(`${printable(region)}: ${printable(obstacle)}`, layout.width)),
    )
  return obstacles.length === 0 ? table : [...table, '', ...obstacles]
}

function sharesOf(candidates: ExplainLeaderResponse['candidates']): ReadonlyMap<string, number> {
  return new Map(candidates.flatMap(({ clients }) => clients.map(({ region, demand }) => [region, demand])))
}
