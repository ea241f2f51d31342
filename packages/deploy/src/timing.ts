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
