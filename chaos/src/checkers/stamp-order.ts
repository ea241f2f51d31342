import { compareTimestamps, parseTimestamp } from '@meridian/hlc'
import { STAMP_KEY } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { valueMark } from '../history/value-mark.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { byRevision, commitsAreWhole, placeOf } from './witnessed.ts'

interface Stamped {
  readonly inc: string
  readonly rev: string
  readonly stamp: string
}

/**
 * Safety I31: inside a tier, commits of ranges and of shards are in the order of their stamps. Each has one, all of one
 * revision the same, it is what the tier's stamp became at that revision, and it rises strictly from each to the next.
 */
export function checkStampOrder(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const tiers = new Map<string, Stamped[]>([
    [GLOBAL_TIER, eventsOf(history, 'g.commit')],
    ...Map.groupBy(eventsOf(history, 'e.commit'), ({ region }) => region),
  ])
  const marks = new Map(
    eventsOf(history, 'put')
      .filter(({ key }) => key === STAMP_KEY)
      .map(({ tier, inc, rev, value }) => [`${tier} ${inc} ${rev}`, value]),
  )
  let pairs = 0
  for (const [tier, commits] of tiers) {
    let before: string | undefined
    for (const revision of byRevision(commits)) {
      const what = `${tier} at ${placeOf(revision)}`
      const [stamp = '', ...others] = new Set(revision.events.map((event) => event.stamp))
      if (stamp === '' || others.length > 0) {
        findings.violation(`${what}: ${stamp === '' ? 'a commit without a stamp' : 'one revision, several stamps'}`)
        continue
      }
      if (marks.get(`${tier} ${revision.inc} ${revision.rev}`) !== valueMark(Buffer.from(stamp)))
        findings.violation(`${what}: ${stamp} is not what the tier's stamp became`)
      if (before !== undefined) {
        pairs += 1
        if (compareTimestamps(parseTimestamp(stamp), parseTimestamp(before)) <= 0)
          findings.violation(`${what}: ${stamp} after ${before}`)
      }
      before = stamp
    }
  }
  commitsAreWhole(history, () => true, findings)
  if (pairs === 0) findings.gap('no tier had two commits to compare')
  return findings.verdict(`${pairs} pairs of neighbouring commits in ${tiers.size} tiers, stamps rise along all`, {
    pairs,
    tiers: tiers.size,
  })
}
