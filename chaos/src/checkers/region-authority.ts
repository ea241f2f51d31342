import { parseKey, rangesOverlap } from '@meridian/topology'
import type { KeyRange } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { parseToken } from '../history/token-text.ts'
import { frozen } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { commitsAreWhole } from './witnessed.ts'

/**
 * Safety I10: a write whose quorum lies inside one region is acknowledged before G gives any of the range's keys to another
 * region under a higher generation. Excused are nodes whose clocks stood still, and takeovers that people forced.
 *
 * A split or merge inside the region raises the generation too, but takes nothing from it: that one is I16's and I32's.
 * Where the witness was told of a commit later than it happened, a write in between goes unnoticed; none is accused that
 * came first. Void unless some range that was written changed its owner.
 */
export function checkRegionAuthority(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const grants = eventsOf(history, 'g.commit').filter(({ status }) => status !== 'gone')
  const excused = frozen(history)
  const forced = new Set(
    eventsOf(history, 'take.commit').flatMap((take) => (take.forced ? [`${take.what} ${take.under}`] : [])),
  )
  const lost = new Map<string, EventOf<'g.commit'> | 'kept' | 'never'>()
  let [writes, tried, late] = [0, 0, 0]
  for (const serve of eventsOf(history, 'node.serve')) {
    if (serve.mode !== 'write-l') continue
    writes += 1
    const gen = String(parseToken(serve.own).generation)
    const name = `${serve.range} ${gen} ${serve.region}`
    const fate = lost.get(name) ?? fateOf(grants, serve.range, gen, serve.region)
    lost.set(name, fate)
    if (fate === 'never') {
      findings.gap(`G never gave range ${serve.range} to ${serve.region} under generation ${gen}`)
      continue
    }
    if (fate === 'kept') continue
    tried += 1
    if (serve.t <= fate.t) continue
    if (excused(serve.node, serve.t) || forced.has(`range:${serve.range} ${gen}`)) late += 1
    else
      findings.violation(
        `${serve.node} acknowledged index ${serve.idx} of shard ${serve.shard} under ${serve.own} at ${serve.t}; ${fate.owner} had range ${fate.range} since ${fate.t}`,
      )
  }
  commitsAreWhole(history, (tier) => tier === GLOBAL_TIER, findings)
  if (writes === 0) findings.gap('no write was acknowledged by a quorum inside one region')
  else if (tried === 0) findings.gap('no range that was written changed its owner: nothing was tried')
  return findings.verdict(`${writes} writes, ${tried} of them in ranges that went to another region later`, {
    writes,
    tried,
    excused: late,
  })
}

/** When another region got some of the keys that `region` had under `gen`: the first such commit. */
function fateOf(
  grants: readonly EventOf<'g.commit'>[],
  range: number,
  gen: string,
  region: string,
): EventOf<'g.commit'> | 'kept' | 'never' {
  const grant = grants.find((each) => each.range === range && each.gen === gen && each.owner === region)
  if (grant === undefined) return 'never'
  const taken = grants.filter(
    (each) =>
      each.keyspace === grant.keyspace &&
      BigInt(each.gen) > BigInt(gen) &&
      each.owner !== region &&
      rangesOverlap(intervalOf(each), intervalOf(grant)),
  )
  return (
    taken.reduce<EventOf<'g.commit'> | undefined>((a, b) => (a !== undefined && a.t <= b.t ? a : b), undefined) ??
    'kept'
  )
}

const intervalOf = ({ start, end }: EventOf<'g.commit'>): KeyRange => ({ start: parseKey(start), end: parseKey(end) })
