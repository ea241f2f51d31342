import { compareTokens, formatToken, token } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { byRevision, commitsAreWhole, placeOf } from './witnessed.ts'

/**
 * Safety I7: a token of a shard names one leader in one life of its node, or nobody, in all regions and for ever; and
 * along the revisions of a region the tokens of a shard never fall. Who answers as leader is the one that is named. Pages of standby regions name nobody, and are left out.
 */
export function checkShardLeaders(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const leaders = new Map<string, string>()
  const commits = eventsOf(history, 'e.commit').filter(({ status, page }) => status !== 'gone' && page !== 'standby')
  let rises = 0
  for (const region of new Set(commits.map((commit) => commit.region))) {
    const last = new Map<string, Token>()
    for (const revision of byRevision(commits.filter((commit) => commit.region === region))) {
      for (const commit of revision.events) {
        const at = token(BigInt(commit.gen), BigInt(commit.epoch))
        const before = last.get(commit.shard)
        last.set(commit.shard, at)
        const order = before === undefined ? 0 : compareTokens(at, before)
        if (order > 0) rises += 1
        const what = `shard ${commit.shard} in ${region} at ${placeOf(revision)}`
        if (order < 0 && before !== undefined)
          findings.violation(`${what}: ${formatToken(at)} after ${formatToken(before)}`)
        const name = `${commit.shard} ${formatToken(at)}`
        const leader = leaderOf(commit)
        const known = leaders.get(name) ?? leader
        if (known !== leader) findings.violation(`${what}: ${formatToken(at)} names ${leader}, and ${known} before`)
        leaders.set(name, known)
      }
    }
  }
  const served = checkServed(history, leaders, findings)
  commitsAreWhole(history, (tier) => tier !== GLOBAL_TIER, findings)
  if (leaders.size === 0) findings.gap('no shard was committed')
  return findings.verdict(`${leaders.size} tokens, each of one leader; those of a shard rose ${rises} times`, {
    commits: commits.length,
    tokens: leaders.size,
    rises,
    served,
  })
}

/** Whoever answered as leader, under a token, was the one that the token names. Returns how many answers there were. */
function checkServed(
  history: readonly HistoryEvent[],
  leaders: ReadonlyMap<string, string>,
  findings: Findings,
): number {
  const told = new Set<string>()
  let served = 0
  for (const { shard, own, node, nodeEpoch, mode } of eventsOf(history, 'node.serve')) {
    if (mode === 'read-stale') continue
    served += 1
    const known = leaders.get(`${shard} ${own}`)
    const leader = `${node} in life ${nodeEpoch}`
    const what = `${leader} served shard ${shard} under ${own}`
    if (known === undefined || known === leader || told.has(what)) continue
    told.add(what)
    findings.violation(`${what}, which names ${known}`)
  }
  return served
}

const leaderOf = ({ leader, leaderNodeEpoch }: EventOf<'e.commit'>): string =>
  leader === '' ? 'nobody' : `${leader} in life ${leaderNodeEpoch}`
