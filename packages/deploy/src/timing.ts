import { z } from 'zod'
import { durationField } from './config-fields.ts'
import { formatDuration } from './duration.ts'

/** The constants of the lease arithmetic, milliseconds. All processes of a world must agree on them. */
export interface Timing {
  readonly regionLeaseMs: number
  readonly regionRenewMs: number
  readonly nodeLeaseMs: number
  readonly nodeRenewMs: number
  /** How long a node must have been silent, on the controller's clock, before its shards are taken. */
  readonly nodeWaitMs: number
  /** Of the election keys; etcd grants no less than 1.5 x its election time-out. */
  readonly electionTtlMs: number
  /** Largest lead of a peer's clock that is accepted. */
  readonly maxClockOffsetMs: number
}

const timingFields = z.strictObject({
  regionLease: durationField.default(9000),
  regionRenew: durationField.default(2000),
  nodeLease: durationField.default(6000),
  nodeRenew: durationField.default(2000),
  nodeWait: durationField.default(6370),
  electionTtl: durationField.default(5000),
  maxClockOffset: durationField.default(500),
})

export const timingField = timingFields.transform((texts, context): Timing => {
  const timing: Timing = {
    regionLeaseMs: texts.regionLease,
    regionRenewMs: texts.regionRenew,
    nodeLeaseMs: texts.nodeLease,
    nodeRenewMs: texts.nodeRenew,
    nodeWaitMs: texts.nodeWait,
    electionTtlMs: texts.electionTtl,
    maxClockOffsetMs: texts.maxClockOffset,
  }
  for (const { key, message } of timingComplaints(timing)) {
    context.issues.push({ code: 'custom', message, path: [key], input: texts })
  }
  return timing
})

/** Bound on the difference in rate of any two monotonic clocks. */
const CLOCK_RATE_ERROR = 0.01
/** Allowance of a taker for scheduling and measuring, ms. */
const WAIT_ALLOWANCE_MS = 250
/** A lease must survive one lost renewal. */
const RENEWALS_PER_LEASE_MIN = 2

/**
 * The least wait that keeps a holder that counted `leaseMs` from sending and a taker that counts from observing apart,
 * whatever their clocks' rates: L(1+d)/(1-d)+e, to the hundredth of a second.
 */
export function takeoverWaitMs(leaseMs: number): number {
  const exact = (leaseMs * (1 + CLOCK_RATE_ERROR)) / (1 - CLOCK_RATE_ERROR) + WAIT_ALLOWANCE_MS
  return Math.floor(exact / 10) * 10
}

/** How a region stands still: asks every other for its word while G is away. Milliseconds. */
export interface StandstillTiming {
  /** D: how long a promise runs from when it was asked for. */
  readonly promiseMs: number
  /** Asks once less than this is left of its lease. */
  readonly askBelowMs: number
  readonly askEveryMs: number
  /** Without an answer of G for so long a region promises. */
  readonly globalSilentMs: number
}

const ASK_EVERY_MS = 1000
/** Patience for one answer. */
const ANSWER_MS_MAX = 2000
const GLOBAL_SILENT_MS = 3000
/** So many renewals must have failed before anybody is asked: a hiccup passes unnoticed. */
const RENEWALS_MISSED = 2.5

/**
 * A promise runs as long as a region's lease, so who gave one waits no longer than for a silent region. Defaults: D = 9 s,
 * asked from 9 - 2.5 x 2 = 4 s before the lease ends.
 */
export function standstillTimingOf({ regionLeaseMs, regionRenewMs }: Timing): StandstillTiming {
  return {
    promiseMs: regionLeaseMs,
    askBelowMs: regionLeaseMs - RENEWALS_MISSED * regionRenewMs,
    askEveryMs: ASK_EVERY_MS,
    globalSilentMs: GLOBAL_SILENT_MS,
  }
}

/**
 * Why regions with this timing could not stand still. G may fall silent one renewal after the last that counts, and is
 * known to be silent later still; a question and its answer must fit into what is then left of the lease. Defaults:
 * 9 - max(2.5 x 2, 2 + 3) = 4 s are left, 1 + 2 = 3 s needed.
 */
export function standstillComplaint({ regionLeaseMs, regionRenewMs }: Timing): string | undefined {
  const goneMs = Math.max(RENEWALS_MISSED * regionRenewMs, regionRenewMs + GLOBAL_SILENT_MS)
  const neededMs = ASK_EVERY_MS + ANSWER_MS_MAX
  if (regionLeaseMs - goneMs >= neededMs) return undefined
  return `a lease of ${formatDuration(regionLeaseMs)} renewed every ${formatDuration(regionRenewMs)} would end before all regions can have promised: "timing.regionLease" must be at least ${formatDuration(goneMs + neededMs)}`
}

/** What is wrong between the constants: the key it is shown at, and words. */
function timingComplaints(timing: Timing): { key: string; message: string }[] {
  const complaints: { key: string; message: string }[] = []
  const renewals = (key: string, renewMs: number, leaseMs: number): void => {
    if (renewMs * RENEWALS_PER_LEASE_MIN > leaseMs) {
      complaints.push({
        key,
        message: `${formatDuration(renewMs)} is more than half of the lease of ${formatDuration(leaseMs)}: one lost renewal would end it`,
      })
    }
  }
  renewals('regionRenew', timing.regionRenewMs, timing.regionLeaseMs)
  renewals('nodeRenew', timing.nodeRenewMs, timing.nodeLeaseMs)
  const waitMsMin = takeoverWaitMs(timing.nodeLeaseMs)
  if (timing.nodeWaitMs < waitMsMin) {
    complaints.push({
      key: 'nodeWait',
      message: `${formatDuration(timing.nodeWaitMs)} is too short for a lease of ${formatDuration(timing.nodeLeaseMs)}: at least ${formatDuration(waitMsMin)}, or two nodes may believe that they lead`,
    })
  }
  return complaints
}

export const DEFAULT_TIMING: Timing = timingField.parse({})
