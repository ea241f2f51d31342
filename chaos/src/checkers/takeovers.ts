import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { constantsOf, NS_PER_MS, waitMs } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

const APPROVALS_MIN = 2

type Take = EventOf<'take.commit'>

/**
 * Safety I12: every takeover is justified, in one of four ways.
 * - By silence: the taker had observed the very counter that it compared at least W earlier on its own clock, saw it move
 *   at no observation since, and nobody was acknowledged a later renewal of what was taken, before or after. Of a region
 *   only silence towards a global tier that works counts: W after it had last answered nobody, where that was recorded.
 * - By surrender of that very term, epoch, generation or token, earlier.
 * - A range or a shard falls with the region or node that held it, once that was taken by silence.
 * - By force: then two different people approved it.
 */
export function checkTakeovers(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const takes = eventsOf(history, 'take.commit')
  const surrenders = new Map(
    eventsOf(history, 'surrender')
      .toReversed()
      .map((event) => [`${event.what} ${event.under}`, event.t]),
  )
  const ways = { silence: 0, surrender: 0, fall: 0, force: 0 }
  for (const take of takes) {
    const what = `${take.who} took ${take.what}, held under ${take.under}`
    if (take.forced) {
      ways.force += 1
      const approvals = new Set(take.approvals).size
      if (approvals < APPROVALS_MIN) findings.violation(`${what}, by force with ${approvals} approvals`)
      continue
    }
    if (take.counter !== '') {
      ways.silence += 1
      const complaint = silenceComplaint(take, history)
      if (complaint !== undefined) findings.violation(`${what}, ${complaint}`)
      continue
    }
    const given = surrenders.get(`${take.what} ${take.under}`)
    if (given !== undefined && given <= take.t) ways.surrender += 1
    else if (fell(take, takes, history)) ways.fall += 1
    else findings.violation(`${what}, without silence, surrender or force`)
  }
  if (takes.length === 0) findings.gap('nothing was taken over')
  return findings.verdict(`${takes.length} takeovers, each justified`, { takeovers: takes.length, ...ways })
}

function silenceComplaint(take: Take, history: readonly HistoryEvent[]): string | undefined {
  const { who, what, under, counter, localMs } = take
  const constants = constantsOf(history)
  const due = waitMs(what.startsWith('region:') ? constants.regionLeaseMs : constants.nodeLeaseMs, constants)
  const observed = eventsOf(history, 'take.observe').filter(
    (event) => event.who === who && event.what === what && event.pinc === take.pinc && event.localMs <= localMs,
  )
  // Only what was seen since the counter last moved is silence.
  const moved = observed.findLast((event) => event.counter !== counter)?.localMs ?? Number.NEGATIVE_INFINITY
  const since = observed.find((event) => event.counter === counter && event.localMs > moved)
  if (since === undefined) return `comparing counter ${counter}, which it had not observed`
  const waited = localMs - since.localMs
  if (waited < due) return `after ${waited.toFixed(0)} ms of silence instead of ${due.toFixed(0)}`
  const answered = what.startsWith('region:') ? answeredForMs(take, history) : undefined
  // By true time, and the taker's clock may run fast.
  if (answered !== undefined && answered < due / (1 + constants.rate))
    return `when the global tier had answered again for only ${answered.toFixed(0)} ms`
  const renewed = renewals(what, under, history).find((renewal) => BigInt(renewal.counter) > BigInt(counter))
  if (renewed === undefined) return undefined
  return `comparing counter ${counter}, and renewal ${renewed.counter} was acknowledged at ${renewed.t}`
}

/** For how long G had answered again when the taker acted. */
function answeredForMs({ t, sentAt = t }: Take, history: readonly HistoryEvent[]): number | undefined {
  const led = eventsOf(history, 'store.led').findLast(
    ({ tier, awayMs, t: at }) => tier === GLOBAL_TIER && awayMs > 0 && at <= sentAt,
  )
  return led === undefined ? undefined : (sentAt - led.t) / NS_PER_MS
}

/** What was acknowledged to the holder in that term or life. */
function renewals(
  what: string,
  under: string,
  history: readonly HistoryEvent[],
): readonly { readonly counter: string; readonly t: number }[] {
  const name = what.slice(what.indexOf(':') + 1)
  if (what.startsWith('region:'))
    return eventsOf(history, 'rl.ack').filter(({ region, term }) => region === name && term === under)
  if (what.startsWith('node:'))
    return eventsOf(history, 'nl.ack').filter(({ node, nodeEpoch }) => node === name && nodeEpoch === under)
  return []
}

/** Whether the region that owned the range, or the node that led the shard, had been taken, or had given up, before. */
function fell(take: Take, takes: readonly Take[], history: readonly HistoryEvent[]): boolean {
  const [kind, name = ''] = take.what.split(':')
  const gone = (holder: string, life?: string): boolean =>
    takes.some(
      (each) =>
        each.what === holder && each.t <= take.t && each !== take && (life === undefined || each.under === life),
    ) ||
    eventsOf(history, 'surrender').some(
      (each) => each.what === holder && each.t <= take.t && (life === undefined || each.under === life),
    )
  if (kind === 'range') {
    const grants = eventsOf(history, 'g.commit').filter(
      ({ range, gen, status }) => String(range) === name && gen === take.under && status !== 'gone',
    )
    return grants.some(({ owner }) => gone(`region:${owner}`))
  }
  if (kind === 'shard') {
    const named = eventsOf(history, 'e.commit').filter(
      ({ shard, gen, epoch, leader }) => shard === name && `g${gen}.e${epoch}` === take.under && leader !== '',
    )
    return named.some(({ leader, leaderNodeEpoch }) => gone(`node:${leader}`, leaderNodeEpoch))
  }
  return false
}
