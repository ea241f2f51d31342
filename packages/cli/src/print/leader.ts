import type { ExplainLeaderResponse } from '@meridian/protocol'
import { formatMs } from '../duration.ts'
import { printable } from '../printable.ts'
import { millis } from './milliseconds.ts'
import { tableLines, wrapText } from './table.ts'
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
    '',
    ...candidateLines(answer, layout),
  ]
}

/** A row per candidate; a column per client region with its share of the demand and the floor it would pay. */
function candidateLines({ candidates, leader }: ExplainLeaderResponse, layout: Layout): string[] {
  const shares = new Map(candidates.flatMap(({ clients }) => clients.map(({ region, demand }) => [region, demand])))
  return tableLines(
    [
      { title: 'if it led from', cut: true },
      { title: 'cost ms', align: 'right' },
      { title: 'quorum', align: 'right' },
      ...[...shares].map(([region, demand]) => ({
        title: `${printable(region)} ${Math.round(demand * 100)}%`,
        align: 'right' as const,
        cut: true,
      })),
      { title: 'obstacle', cut: true },
    ],
    candidates.map((candidate) => [
      { text: printable(candidate.region), tone: candidate.region === leader ? 'title' : 'plain' },
      millis(candidate.costMs),
      candidate.quorumMs === 0 && candidate.costMs === undefined ? '-' : millis(candidate.quorumMs),
      ...[...shares.keys()].map((region) => {
        const client = candidate.clients.find((each) => each.region === region)
        return client === undefined || (candidate.costMs === undefined && client.floorMs === 0)
          ? '-'
          : millis(client.floorMs)
      }),
      { text: printable(candidate.obstacle), tone: 'bad' },
    ]),
    layout,
  )
}
