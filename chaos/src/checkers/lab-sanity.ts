import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** What the calibration may be wrong by; the same bound that it was accepted under. */
const toleranceMs = (floorMs: number): number => 2 + 0.02 * floorMs

/** No commit, ours or raw, is faster than distance allows: else the emulation leaks, and no figure of it counts. */
export function checkCommitFloor(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const cells = eventsOf(history, 'commit')
  if (cells.length === 0) findings.gap('no commit was measured')
  for (const { client, leader, floorMs, operationP50Ms, rawP50Ms } of cells) {
    const fastest = Math.min(operationP50Ms, rawP50Ms)
    if (fastest < floorMs - toleranceMs(floorMs))
      findings.violation(
        `${client} with the leader in ${leader}: ${fastest.toFixed(1)} ms, below the floor of ${floorMs.toFixed(1)} ms`,
      )
  }
  return findings.verdict(`${cells.length} cells, none below its floor`, {
    cells: cells.length,
    commits: cells.reduce((sum, { samples }) => sum + 2 * samples, 0),
  })
}

/** The links are as long as they claim, and nothing crossed a cut. */
export function checkLinks(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const canaries = eventsOf(history, 'canary')
  const links = eventsOf(history, 'calibration')
  if (canaries.length === 0) findings.gap('no pair was cut to see whether anything crosses')
  if (links.length === 0) findings.gap('no link was measured')
  for (const { pair, ok, leaks, healed } of canaries) {
    if (leaks > 0) findings.violation(`${leaks} leaks across the cut ${pair}`)
    else if (!healed || !ok) findings.violation(`${pair} did not come back after the cut`)
  }
  for (const { source, target, nominalMs, measuredMs, withinBound } of links) {
    if (!withinBound) findings.violation(`${source} to ${target} is ${measuredMs} ms instead of ${nominalMs} ms`)
  }
  return findings.verdict(`${links.length} links as long as set; nothing crossed ${canaries.length} cuts`, {
    links: links.length,
    cuts: canaries.length,
  })
}
