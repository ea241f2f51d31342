import fc from 'fast-check'
import type { HistoryEvent } from '../../history/event.ts'
import { DEFAULT_CONSTANTS } from '../../history/run-event.ts'
import { NS_PER_MS, waitMs } from '../run-facts.ts'
import { Timeline } from './timeline.ts'

/** How a holder or a taker may get leases wrong. */
export type LeaseBug = 'none' | 'from-receipt' | 'unacknowledged' | 'no-guard' | 'short-wait' | 'no-compare'

/** Rates within the bound of the constants, offsets as they like; milliseconds. */
export const leasePlans = fc.record({
  holderRate: fc.double({ min: 0.991, max: 1.009, noNaN: true }),
  takerRate: fc.double({ min: 0.991, max: 1.009, noNaN: true }),
  holderOffsetMs: fc.integer({ min: 0, max: 1_000_000 }),
  takerOffsetMs: fc.integer({ min: 0, max: 1_000_000 }),
  /** One way, of each renewal; the last one's answer is lost if it took effect at all. */
  delaysMs: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 2, maxLength: 8 }),
  lastIsCommitted: fc.boolean(),
})
export type LeasePlan = typeof leasePlans extends fc.Arbitrary<infer T> ? T : never

const { nodeLeaseMs: LEASE_MS, guardMs: GUARD_MS } = DEFAULT_CONSTANTS
const RENEW_MS = 2000
const STEP_MS = 50
const OLD = 'g1.e1'
const NEW = 'g1.e2'

interface Renewal {
  readonly sentAt: number
  readonly committedAt: number
  /** Infinity: its answer was lost. */
  readonly answeredAt: number
}

/**
 * A node renews its lease, is cut off after the last renewal, and reads on as long as its own clock lets it. A controller
 * watches the counter on another clock, gives the node up, and the next leader acknowledges a write at once.
 */
export function playLease(plan: LeasePlan, bug: LeaseBug): HistoryEvent[] {
  const timeline = new Timeline()
  const holder = (at: number): number => plan.holderOffsetMs + at * plan.holderRate
  const taker = (at: number): number => plan.takerOffsetMs + at * plan.takerRate
  const renewals = renewalsOf(plan)
  tellRenewals(timeline, renewals, holder)
  const takenAt = watch(timeline, renewals, taker, bug)
  const ends = takenAt + 3 * LEASE_MS
  for (let at = 0; at < ends; at += STEP_MS) {
    const deadlineMs = deadlineAt(renewals, at, holder, bug)
    const guardMs = bug === 'no-guard' ? 0 : GUARD_MS
    if (holder(at) >= deadlineMs - guardMs) continue
    timeline.at(at * NS_PER_MS, 'n1', {
      kind: 'node.check',
      node: 'n1',
      nodeEpoch: '1',
      shard: '1.0',
      token: OLD,
      mode: 'read-lease',
      lease: 'node',
      range: 1,
      localMs: holder(at),
      deadlineMs,
      guardMs,
    })
  }
  const where = { shard: '1.0', range: 1, region: 'eu', nodeEpoch: '1', mode: 'write-q' } as const
  timeline.at(0, 'n1', { kind: 'node.serve', node: 'n1', ...where, token: OLD, own: OLD, idx: '1' })
  timeline.at(takenAt * NS_PER_MS, 'n2', { kind: 'node.serve', node: 'n2', ...where, token: NEW, own: NEW, idx: '2' })
  return timeline.history()
}

function renewalsOf({ delaysMs, lastIsCommitted }: LeasePlan): readonly Renewal[] {
  return delaysMs.map((delay, i) => {
    const sentAt = i * RENEW_MS
    const last = i === delaysMs.length - 1
    return {
      sentAt,
      committedAt: last && !lastIsCommitted ? Infinity : sentAt + delay,
      answeredAt: last ? Infinity : sentAt + 2 * delay,
    }
  })
}

function tellRenewals(timeline: Timeline, renewals: readonly Renewal[], local: (at: number) => number): void {
  for (const [i, { sentAt, answeredAt }] of renewals.entries()) {
    const renewal = { node: 'n1', nodeEpoch: '1', counter: String(i + 1), sentLocalMs: local(sentAt) }
    timeline.at(sentAt * NS_PER_MS, 'n1', { kind: 'nl.renew', ...renewal })
    if (answeredAt === Infinity) continue
    const answer = { localMs: local(answeredAt), leaseMs: LEASE_MS }
    timeline.at(answeredAt * NS_PER_MS, 'n1', { kind: 'nl.ack', ...renewal, ...answer })
  }
}

/** What the node believes at `at`. */
function deadlineAt(renewals: readonly Renewal[], at: number, local: (at: number) => number, bug: LeaseBug): number {
  const counted = renewals.flatMap(({ sentAt, answeredAt }) => {
    if (bug === 'unacknowledged') return sentAt <= at ? [sentAt] : []
    return answeredAt > at ? [] : [bug === 'from-receipt' ? answeredAt : sentAt]
  })
  return counted.length === 0 ? Number.NEGATIVE_INFINITY : local(Math.max(...counted)) + LEASE_MS
}

/** Returns when the node was given up, true time. */
function watch(timeline: Timeline, renewals: readonly Renewal[], local: (at: number) => number, bug: LeaseBug): number {
  const dueMs = bug === 'short-wait' ? LEASE_MS : waitMs(LEASE_MS, DEFAULT_CONSTANTS)
  const who = { who: 'eu-s1', what: 'node:n1' } as const
  let [counter, since] = [-1, 0]
  for (let at = 0; ; at += STEP_MS) {
    const now = renewals.filter(({ committedAt }) => committedAt <= at).length
    // Without a compare nobody looks again: what was seen first is what is taken.
    if (now !== counter && !(bug === 'no-compare' && counter > 0)) {
      ;[counter, since] = [now, local(at)]
      const observed = { counter: String(counter), localMs: local(at) }
      timeline.at(at * NS_PER_MS, 'eu-s1', { kind: 'take.observe', ...who, ...observed })
    }
    if (local(at) - since < dueMs) continue
    const taken = { under: '1', counter: String(counter), localMs: local(at), forced: false, approvals: [], rev: '9' }
    timeline.at(at * NS_PER_MS, 'eu-s1', { kind: 'take.commit', ...who, ...taken })
    return at
  }
}
