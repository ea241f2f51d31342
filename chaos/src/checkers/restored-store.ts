import { compareTimestamps, formatTimestamp } from '@meridian/hlc'
import type { Timestamp } from '@meridian/hlc'
import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { stampOf } from './clock-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { commitsAreWhole, placeOf } from './witnessed.ts'

type Commit = EventOf<'g.commit'> | EventOf<'e.commit'>

/**
 * Safety I5, for restores: after a tier was restored from a backup its incarnation has risen, and every generation (of G)
 * or epoch (of a region) and every stamp committed from then on is above all that the tier had committed before, also those
 * that the backup did not have. Void unless a tier was restored.
 */
export function checkRestoredStore(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const tiers = new Map<string, Commit[]>([
    [GLOBAL_TIER, eventsOf(history, 'g.commit')],
    ...Map.groupBy(eventsOf(history, 'e.commit'), ({ region }) => region),
  ])
  let [restores, after] = [0, 0]
  for (const [tier, all] of tiers) {
    const commits = all.filter(({ status }) => status !== 'gone')
    const incarnations = [...new Set(commits.map(({ inc }) => BigInt(inc)))].toSorted((a, b) => (a < b ? -1 : 1))
    for (const inc of incarnations.slice(1)) {
      restores += 1
      const before = commits.filter((commit) => BigInt(commit.inc) < inc)
      const own = commits.filter((commit) => BigInt(commit.inc) === inc)
      after += own.length
      checkAbove(tier, before, own, findings)
    }
  }
  for (const { tier, id } of restoresTold(history)) {
    const seen = new Set((tiers.get(tier) ?? []).map(({ inc }) => inc)).size
    if (seen < 2)
      findings.gap(`${tier} was restored (${id}), and nothing was committed there under another incarnation`)
  }
  if (restores === 0) findings.gap('no tier was restored')
  commitsAreWhole(history, () => true, findings)
  return findings.verdict(`${restores} restores; ${after} commits after them, all above what had been before`, {
    restores,
    after,
  })
}

/** The number that orders what a tier decides: generations in G, epochs in regions. */
const countOf = (commit: Commit): bigint => BigInt(commit.kind === 'g.commit' ? commit.gen : commit.epoch)

function checkAbove(tier: string, before: readonly Commit[], own: readonly Commit[], findings: Findings): void {
  const highest = before.map(countOf).reduce((a, b) => (a > b ? a : b), 0n)
  const latest = before
    .map(({ stamp }) => stampOf(stamp))
    .reduce<Timestamp | undefined>(
      (a, b) => (a === undefined || (b !== undefined && compareTimestamps(a, b) < 0) ? b : a),
      undefined,
    )
  for (const commit of own) {
    const stamp = stampOf(commit.stamp)
    const what = `${tier} at ${placeOf(commit)}`
    if (countOf(commit) <= highest)
      findings.violation(`${what}: ${countOf(commit)}, and ${highest} was there before the restore`)
    if (stamp !== undefined && latest !== undefined && compareTimestamps(stamp, latest) <= 0)
      findings.violation(`${what}: stamp ${commit.stamp}, and ${formatTimestamp(latest)} was there before the restore`)
  }
}

/** Restores that who drove the run tells of. */
function restoresTold(history: readonly HistoryEvent[]): { readonly tier: string; readonly id: string }[] {
  return eventsOf(history, 'fault.on').flatMap(({ fault, target, id }) =>
    fault === 'restore' ? [{ tier: target.slice(target.indexOf(':') + 1), id }] : [],
  )
}
