import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { isExact } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { commitsAreWhole, placeOf } from './witnessed.ts'

/**
 * Safety I6: a region commits shards only under generations that G committed for that range with that region as owner.
 *
 * Pages of standby regions claim nothing, and are left out.
 *
 * Checked is that G's commit exists and, only where times are exact, that it came first: else the two tiers share no clock
 * that this history holds, and when a witness was told is no order of commits. What keeps this sharp is that a generation is committed once (I2), so
 * a region that runs ahead of G is caught unless it guesses what G is about to decide.
 */
export function checkSubordination(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const exact = isExact(history)
  const granted = new Map<string, number>()
  for (const { range, gen, owner, status, t } of eventsOf(history, 'g.commit')) {
    const name = nameOf(range, gen, owner)
    if (status !== 'gone') granted.set(name, Math.min(t, granted.get(name) ?? Infinity))
  }
  // Without all of G a generation that is missing here may well have been committed.
  const whole = commitsAreWhole(history, (tier) => tier === GLOBAL_TIER, findings)
  commitsAreWhole(history, (tier) => tier !== GLOBAL_TIER, findings)
  const commits = eventsOf(history, 'e.commit').filter(({ status, page }) => status !== 'gone' && page !== 'standby')
  const used = new Set<string>()
  for (const commit of commits) {
    const { range, gen, region, shard } = commit
    const name = nameOf(range, gen, region)
    used.add(name)
    const given = granted.get(name)
    const what = `${region} committed shard ${shard} under generation ${gen} of range ${range} at ${placeOf(commit)}`
    if (whole && given === undefined) findings.violation(`${what}; G never gave it that`)
    if (exact && given !== undefined && commit.t < given) findings.violation(`${what}, before G gave it that`)
  }
  if (commits.length === 0) findings.gap('no shard was committed')
  return findings.verdict(`${commits.length} commits of shards under ${used.size} generations, all given by G`, {
    commits: commits.length,
    generations: used.size,
    granted: granted.size,
  })
}

const nameOf = (range: number, gen: string, region: string): string => `${range} ${gen} ${region}`
