import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { FinalState, nameOf } from './final-state.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I20: each write is applied at most once, through retries and failovers. Three witnesses:
 * - an acknowledged write sent again is recognised and answered with the index it had;
 * - a row stands at the very index its write was acknowledged at: applying it again would have moved it;
 * - one place in a shard's log belongs to one session, and within it each write has one place.
 */
export function checkAtMostOnce(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const writes = eventsOf(history, 'write').filter((write) => write.status === 'ok')
  const resends = eventsOf(history, 'resend')
  if (writes.length === 0) findings.gap('no write was acknowledged')
  if (resends.length === 0) findings.gap('no write was sent again')
  checkResends(writes, resends, findings)
  const rows = checkRows(history, writes, findings)
  const places = checkPlaces(writes, findings)
  const counts = { acknowledged: writes.length, resends: resends.length, rows, places }
  return findings.verdict(
    `${resends.length} writes sent again were recognised; ${rows} rows stand where acknowledged`,
    counts,
  )
}

const identityOf = ({ session, sequence }: { session: string; sequence: string }): string => `${session} ${sequence}`

function checkResends(
  writes: readonly EventOf<'write'>[],
  resends: readonly EventOf<'resend'>[],
  findings: Findings,
): void {
  const indexes = new Map<string, string>()
  for (const write of writes) {
    const identity = identityOf(write)
    const known = indexes.get(identity)
    if (known !== undefined && known !== write.index)
      findings.violation(`write ${identity} was acknowledged at ${known} and at ${write.index}`)
    indexes.set(identity, write.index)
  }
  for (const resend of resends) {
    const identity = identityOf(resend)
    const index = indexes.get(identity)
    if (index === undefined) findings.gap(`write ${identity} was sent again but never acknowledged before`)
    else if (!resend.duplicate)
      findings.violation(`write ${identity}, sent again, was applied again at ${resend.index}`)
    else if (resend.index !== index)
      findings.violation(`write ${identity}, sent again, was answered with index ${resend.index} instead of ${index}`)
  }
}

/** Only keys written once: of others an earlier write may rightly stand elsewhere. Returns how many were looked at. */
function checkRows(history: readonly HistoryEvent[], writes: readonly EventOf<'write'>[], findings: Findings): number {
  const state = new FinalState(history)
  const writesOf = new Map<string, number>()
  for (const write of eventsOf(history, 'write')) writesOf.set(nameOf(write), (writesOf.get(nameOf(write)) ?? 0) + 1)
  let looked = 0
  for (const write of writes) {
    const row = state.row(write)
    if (row === undefined || writesOf.get(nameOf(write)) !== 1) continue
    looked += 1
    if (row.index !== write.index)
      findings.violation(`${nameOf(write)} was acknowledged at index ${write.index} and stands at ${row.index}`)
  }
  if (looked === 0) findings.gap('no row of the final state belongs to an acknowledged write')
  return looked
}

/** The items of one request share one index; nothing else may. Returns how many indexes were looked at. */
function checkPlaces(writes: readonly EventOf<'write'>[], findings: Findings): number {
  const places = new Map<string, EventOf<'write'>[]>()
  for (const write of writes) {
    const place = `${write.shard} ${write.index}`
    const sharing = places.get(place)
    if (sharing === undefined) places.set(place, [write])
    else sharing.push(write)
  }
  for (const [place, sharing] of places) {
    const sessions = new Set(sharing.map((write) => write.session))
    if (sessions.size > 1) findings.violation(`index ${place} was given to ${sessions.size} sessions`)
  }
  return places.size
}
