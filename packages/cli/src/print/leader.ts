import type { ExplainLeaderResponse, PlacementSettings } from '@meridian/protocol'
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
    surplusMs: answer.surplusMs ?? null,
    settings: settingsJson(answer.settings),
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
  const { leader, preferred, objective, placer, decision, reason, decidedMs, settings, surplusMs } = answer
  const fact = (label: string, text: string): string[] =>
    wrapText(printable(text), layout.width - LABEL_WIDTH - 1).map(
      (line, at) => `${(at === 0 ? label : '').padEnd(LABEL_WIDTH)} ${line}`,
    )
  return [
    ...fact('leader', leader === '' ? 'none known' : leader),
    ...fact('preferred', preferred === '' ? 'none: the objective decides' : preferred),
    ...fact('objective', OBJECTIVES[objective] ?? objective),
    ...(settings === undefined ? [] : fact('moves', settingsText(settings))),
    ...fact('decision', `${decision}, for ${formatMs(Number(decidedMs))}, by ${placer === '' ? 'nobody' : placer}`),
    ...fact('because', reason),
    ...fact('demand', demand),
    ...(surplusMs === undefined
      ? []
      : fact('beyond', `commits take ${millis(surplusMs)} ms beyond the least, whoever leads`)),
    '',
    ...candidateLines(answer, layout),
  ]
}

const OBJECTIVES: Readonly<Record<string, string>> = {
  mean: 'mean: what commits cost in the mean over the demand',
  worst: 'worst: what the farthest client waits',
}

function settingsJson(settings: PlacementSettings | undefined) {
  if (settings === undefined) return null
  const { hysteresisShare, hysteresisMs, holdMs, cooldownMs } = settings
  return {
    hysteresisShare,
    hysteresisMs: Number(hysteresisMs),
    holdMs: Number(holdMs),
    cooldownMs: Number(cooldownMs),
  }
}

function settingsText({ hysteresisShare, hysteresisMs, holdMs, cooldownMs }: PlacementSettings): string {
  const share = `${Math.round(hysteresisShare * 1000) / 10}% and ${formatMs(Number(hysteresisMs))}`
  return `for a saving of ${share} that lasted ${formatMs(Number(holdMs))}, not again for ${formatMs(Number(cooldownMs))}`
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
