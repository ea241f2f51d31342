import { eventsOf } from '../../history/event.ts'
import type { HistoryEvent } from '../../history/event.ts'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import { NS_PER_MS } from '../run-facts.ts'
import { Findings } from '../verdict.ts'
import type { Verdict } from '../verdict.ts'
import { BOUNDS } from './bounds.ts'
import type { Bounds } from './bounds.ts'
import { Calm, msBetween } from './calm.ts'

interface Position {
  readonly inc: bigint
  readonly rev: bigint
}

interface Applied extends Position {
  readonly t: number
}

/** Share of the commits of calm times that have to be in time. */
const IN_TIME_SHARE = 0.99

/**
 * Liveness J5: what is committed is in the map of every router that follows the stream, soon. Commits of calm times count
 * together, at their 99th percentile; those made while something was wrong each have to be seen soon after it ended.
 * Routers that were not there yet, or were gone, owe nothing, nor does anybody for the last moments of the run.
 */
export function checkCommitSeen(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const followers = followersIn(history, calm)
  const delays: { readonly ms: number; readonly text: string }[] = []
  let healed = 0
  for (const commit of commitsIn(history)) {
    const start = calm.from(commit.t, bounds.seenHealedMs)
    if (start === undefined) continue
    for (const follower of followers) {
      if (follower.stream !== commit.stream || follower.since > commit.t) continue
      const seen = follower.reached(commit)
      const boundMs = start === commit.t ? bounds.seenMs : bounds.seenHealedMs
      const due = start + boundMs * NS_PER_MS
      if (seen === undefined && (calm.endOfRun < due || follower.until < due)) continue
      const ms = seen === undefined ? Infinity : Math.max(0, msBetween(start, seen))
      const text = `${follower.router} had ${commit.stream} (${commit.inc}, ${commit.rev}) ${
        ms === Infinity ? 'never' : `after ${ms.toFixed(0)} ms`
      }`
      if (start === commit.t) {
        delays.push({ ms, text })
        continue
      }
      healed += 1
      if (ms > boundMs) findings.violation(`${text}, counted from the end of the faults`)
    }
  }
  delays.sort((a, b) => a.ms - b.ms)
  const p99 = delays[Math.ceil(delays.length * IN_TIME_SHARE) - 1]
  if (p99 !== undefined && p99.ms > bounds.seenMs)
    findings.violation(`the 99th percentile of ${delays.length} is beyond ${bounds.seenMs} ms: ${p99.text}`)
  if (delays.length + healed === 0) findings.gap('no commit was due in any map')
  return findings.verdict(
    `${delays.length} commits seen, 99 % within ${(p99?.ms ?? 0).toFixed(0)} ms; ${healed} after faults`,
    {
      seen: delays.length,
      healed,
      followers: followers.length,
    },
  )
}

function commitsIn(history: readonly HistoryEvent[]): readonly (Applied & { readonly stream: string })[] {
  const commits = new Map<string, Applied & { readonly stream: string }>()
  const note = (stream: string, inc: string, rev: string, t: number): void => {
    const name = `${stream} ${inc} ${rev}`
    if (!commits.has(name)) commits.set(name, { stream, inc: BigInt(inc), rev: BigInt(rev), t })
  }
  for (const { inc, rev, t } of eventsOf(history, 'g.commit')) note(GLOBAL_TIER, inc, rev, t)
  for (const { region, inc, rev, t } of eventsOf(history, 'e.commit')) note(region, inc, rev, t)
  return [...commits.values()]
}

/** One router's way along one stream. */
class Follower {
  readonly router: string
  readonly stream: string
  readonly since: number
  readonly until: number
  readonly #applied: readonly Applied[]

  constructor(router: string, stream: string, applied: readonly Applied[], until: number) {
    this.router = router
    this.stream = stream
    this.#applied = applied
    this.since = applied[0]?.t ?? Infinity
    this.until = until
  }

  /** When it was at or beyond the position for the first time. */
  reached({ inc, rev }: Position): number | undefined {
    return this.#applied.find((at) => at.inc > inc || (at.inc === inc && at.rev >= rev))?.t
  }
}

function followersIn(history: readonly HistoryEvent[], calm: Calm): readonly Follower[] {
  const steps = [...eventsOf(history, 'feed.apply'), ...eventsOf(history, 'feed.resync')].toSorted((a, b) => a.t - b.t)
  const ended = new Map(eventsOf(history, 'proc.end').map(({ proc, pinc, t }) => [`${proc} ${pinc}`, t]))
  return [...Map.groupBy(steps, ({ router, stream, pinc }) => `${router} ${stream} ${pinc}`).values()].flatMap(
    (own) => {
      const [first] = own
      if (first === undefined) return []
      const killed = calm.faults.find(
        ({ fault, target, from }) => fault === 'kill' && target === `router:${first.router}` && from >= first.t,
      )
      const until = Math.min(ended.get(`${first.proc} ${first.pinc}`) ?? Infinity, killed?.from ?? Infinity)
      const applied = own.map(({ inc, rev, t }) => ({ inc: BigInt(inc), rev: BigInt(rev), t }))
      return [new Follower(first.router, first.stream, applied, until)]
    },
  )
}
