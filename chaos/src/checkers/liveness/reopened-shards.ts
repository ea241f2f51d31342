import { eventsOf } from '../../history/event.ts'
import type { EventOf, HistoryEvent } from '../../history/event.ts'
import { faultsOf, NS_PER_MS } from '../run-facts.ts'
import { Findings } from '../verdict.ts'
import type { Verdict } from '../verdict.ts'
import { BOUNDS } from './bounds.ts'
import type { Bounds } from './bounds.ts'
import { Calm, msBetween } from './calm.ts'
import { shardsAt, Writability } from './writability.ts'
import type { CommittedShard } from './writability.ts'

/**
 * Liveness J2: each shard that a killed node led takes writes again in time, under a higher token. Shards that nobody tried
 * to write leave the claim open.
 */
export function checkNodeFailover(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const writability = new Writability(history, calm.endOfRun)
  let [kills, slowestMs, shards] = [0, 0, 0]
  for (const fault of calm.faults) {
    const [kind, node] = fault.target.split(':')
    if (fault.fault !== 'kill' || kind !== 'node') continue
    kills += 1
    const start = calm.from(fault.from, bounds.shardsMs, fault.id)
    if (start === undefined) {
      findings.gap(`${fault.target}: other faults never ended`)
      continue
    }
    for (const { shard, token, leader } of shardsAt(history, undefined, fault.from)) {
      if (leader !== node) continue
      shards += 1
      const reopening = writability.reopened(shard, token, start, bounds.shardsMs)
      const what = `shard ${shard}, led by ${node} under ${token} when it was killed`
      if (reopening.kind === 'untried') findings.gap(`${what}: ${reopening.why}`)
      else if (reopening.kind === 'late') findings.violation(`${what}: ${lateText(reopening.afterMs)}`)
      else slowestMs = Math.max(slowestMs, reopening.afterMs)
    }
  }
  if (kills === 0) findings.gap('no node was killed')
  else if (shards === 0) findings.gap('no killed node led a shard')
  return findings.verdict(`${shards} shards of ${kills} killed nodes, all writable within ${seconds(slowestMs)}`, {
    kills,
    shards,
    slowestMs: Math.round(slowestMs),
  })
}

/**
 * Liveness J3: when a region is lost, the ranges that may leave it by themselves are writable elsewhere in time: some shard
 * soon, all a little later. Ranges with manual failover, or without a standby region, may wait; and a region that is back
 * before somebody had to be in its place owes nothing.
 */
export function checkRegionFailover(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const writability = new Writability(history, calm.endOfRun)
  const ends = new Map(faultsOf(history).map(({ id, to }) => [id, to]))
  let [losses, shards, slowestMs] = [0, 0, 0]
  for (const fault of calm.faults) {
    const [kind, region = ''] = fault.target.split(':')
    if ((fault.fault !== 'kill' && fault.fault !== 'cut') || kind !== 'region') continue
    losses += 1
    const start = calm.from(fault.from, bounds.allOfRegionMs, fault.id)
    if (start === undefined) {
      findings.gap(`${fault.target}: other faults never ended`)
      continue
    }
    const backMs = msBetween(start, ends.get(fault.id) ?? Infinity)
    const own = movableShards(history, region, fault.from)
    shards += own.length
    let [firstMs, tried] = [Infinity, 0]
    for (const { shard, token } of own) {
      const reopening = writability.reopened(shard, lastOfGeneration(token), start, bounds.allOfRegionMs)
      const what = `shard ${shard} of lost ${region}`
      if (reopening.kind === 'untried') {
        findings.gap(`${what}: ${reopening.why}`)
        continue
      }
      if (reopening.kind === 'late' && backMs < bounds.allOfRegionMs) {
        findings.gap(`${what}: it was back before`)
        continue
      }
      tried += 1
      firstMs = Math.min(firstMs, reopening.afterMs)
      if (reopening.kind === 'late') findings.violation(`${what}: ${lateText(reopening.afterMs)}`)
      else slowestMs = Math.max(slowestMs, reopening.afterMs)
    }
    if (tried > 0 && firstMs > bounds.firstOfRegionMs && backMs >= bounds.firstOfRegionMs)
      findings.violation(`the first shard of lost ${region} was writable after ${seconds(firstMs)}`)
  }
  if (losses === 0) findings.gap('no region was lost')
  else if (shards === 0) findings.gap('no lost region had a range that may leave it')
  return findings.verdict(`${shards} shards of ${losses} lost regions, all writable within ${seconds(slowestMs)}`, {
    losses,
    shards,
    slowestMs: Math.round(slowestMs),
  })
}

/**
 * Liveness J4: while a range is handed over as planned, no shard refuses writes for longer than the bound: from its freeze
 * to its first write under the new generation. Transfers disturbed by faults are not timed, nor those of which the next one
 * froze the shard before anybody had to have written.
 */
export function checkTransferGap(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const writability = new Writability(history, calm.endOfRun)
  const ranges = new Set(eventsOf(history, 'move.prepare').flatMap(({ op, what }) => (what === 'range' ? [op] : [])))
  const committed = new Set(eventsOf(history, 'move.commit').map(({ op }) => op))
  let [timed, disturbed, widestMs] = [0, 0, 0]
  const freezes = firstFreezes(history)
  for (const { op, shard, token, t } of freezes) {
    if (!ranges.has(op) || !committed.has(op)) continue
    const due = t + bounds.transferGapMs * NS_PER_MS
    const again = freezes.some((next) => next.shard === shard && next.op !== op && next.t > t && next.t < due)
    if (again || calm.from(t, bounds.transferGapMs) !== t) {
      disturbed += 1
      continue
    }
    timed += 1
    const reopening = writability.reopened(shard, lastOfGeneration(token), t, bounds.transferGapMs)
    const what = `shard ${shard}, frozen by ${op} at ${t}`
    if (reopening.kind === 'untried') findings.gap(`${what}: ${reopening.why}`)
    else if (reopening.kind === 'late') findings.violation(`${what}: ${lateText(reopening.afterMs)}`)
    else widestMs = Math.max(widestMs, reopening.afterMs)
  }
  if (timed === 0) findings.gap('no range was handed over undisturbed')
  return findings.verdict(`${timed} shards handed over, none closed for longer than ${seconds(widestMs)}`, {
    timed,
    disturbed,
    widestMs: Math.round(widestMs),
  })
}

function movableShards(history: readonly HistoryEvent[], region: string, t: number): readonly CommittedShard[] {
  const ranges = new Map<number, EventOf<'g.commit'>>()
  for (const commit of eventsOf(history, 'g.commit')) if (commit.t <= t) ranges.set(commit.range, commit)
  return shardsAt(history, region, t).filter(({ range }) => {
    const grant = ranges.get(range)
    return grant?.owner === region && grant.failover !== 'manual' && grant.standbys?.length !== 0
  })
}

/** A shard that another leader froze once more under the same move counts from its first freeze. */
function firstFreezes(history: readonly HistoryEvent[]): readonly EventOf<'move.freeze'>[] {
  const first = new Map<string, EventOf<'move.freeze'>>()
  for (const freeze of eventsOf(history, 'move.freeze')) {
    const name = `${freeze.op} ${freeze.shard}`
    if ((first.get(name)?.t ?? Infinity) > freeze.t) first.set(name, freeze)
  }
  return [...first.values()]
}

/** Above every token of the generation, below those of the next: a leader of the old region does not count. */
const lastOfGeneration = (token: string): string => token.replace(/e\d+$/, `e${2n ** 63n - 1n}`)

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const lateText = (afterMs: number): string =>
  afterMs === Infinity ? 'not writable again' : `writable again after ${seconds(afterMs)}`
