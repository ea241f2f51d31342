/**
 * Durations that every region server and every node of a region must agree on, in ms. Waits are counted on the clock
 * of the one who waits; leases on the clock of the holder, from the moment it sent its request.
 */
export interface RegionTiming {
  /** L_N: how long a node may serve lease reads after sending a renewal that was answered. */
  readonly nodeLeaseMs: number
  /** W_N >= L_N (1+d)/(1-d) + e: how long to wait before anything is done that a lease of L_N forbids. */
  readonly nodeWaitMs: number
  /** At most one commit of renewals per period. */
  readonly renewalPeriodMs: number
  /** Pause between looks at E; each is one linearizable read. */
  readonly probeEveryMs: number
  /** Silence of nodes counts only while E answered linearizable reads with smaller gaps than this. */
  readonly storeGapMsMax: number
  /** Lease of the controller's election key: how soon a silent controller is replaced. */
  readonly controllerTtlMs: number
  /** How long a range may be active without a page before the controller opens it as one shard. */
  readonly openGraceMs: number
  /** How long a range must be seen as followed no more before its standby page goes. */
  readonly unfollowGraceMs: number
  /** While too many nodes are silent at once: how often one of them is given up all the same. */
  readonly slowStartEveryMs: number
  /** A move of a replica that gets on no further for this long is taken back, while it can be. */
  readonly moveDeadlineMs: number
  /** Pause between looks at the moves under way. */
  readonly moveEveryMs: number
  /** How long a node must be down before its copies of followed ranges are made anew elsewhere; and between two of a shard. */
  readonly standbyRepairMs: number
}

/** Rate error bound between any two monotonic clocks. */
const DRIFT_MAX = 0.01
/** Allowance for scheduling and measurement. */
const SLACK_MS = 250

export const REGION_TIMING: RegionTiming = {
  nodeLeaseMs: 6000,
  nodeWaitMs: nodeWaitMsOf(6000),
  renewalPeriodMs: 500,
  probeEveryMs: 500,
  storeGapMsMax: 2000,
  controllerTtlMs: 3000,
  openGraceMs: 10_000,
  unfollowGraceMs: 30_000,
  slowStartEveryMs: 10_000,
  moveDeadlineMs: 30_000,
  moveEveryMs: 500,
  standbyRepairMs: 120_000,
}

/** W_N of a given L_N; 6,371 ms for 6 s. */
export function nodeWaitMsOf(nodeLeaseMs: number, slackMs: number = SLACK_MS): number {
  return Math.ceil((nodeLeaseMs * (1 + DRIFT_MAX)) / (1 - DRIFT_MAX) + slackMs)
}

/** What is wrong with `timing`, in words; undefined when nothing is. A wait below the lease is two leaders at once. */
export function timingComplaint(timing: RegionTiming): string | undefined {
  if (!Object.values(timing).every((ms) => Number.isFinite(ms) && ms > 0)) return 'a duration is not positive'
  const least = nodeWaitMsOf(timing.nodeLeaseMs, 0)
  if (timing.nodeWaitMs < least) return `nodeWaitMs ${timing.nodeWaitMs} is below ${least}, which its lease demands`
  if (timing.storeGapMsMax <= timing.probeEveryMs) return 'storeGapMsMax is not above probeEveryMs'
  return undefined
}

export const RegionLimits = {
  /** Nodes of one region whose renewals wait at once: one slot per node. */
  renewalsWaitingMax: 4096,
  /** Pages written in one transaction. */
  pagesPerTxnMax: 32,
  /** Pages of one adoption (a split or merge is adopted at once); guards and operations of etcd stay below 128. */
  pagesPerAdoptionMax: 120,
  /** Encoded pages of one transaction, bytes. */
  pageBytesPerTxnMax: 1_000_000,
  /** Nodes given up in one transaction. */
  nodesPerTxnMax: 32,
  /** Shards under way at once from nodes that are being drained. */
  handOversMax: 16,
  /** Moves of replicas under way at once. */
  movesMax: 8,
  /** Failed moves to one node, within `suspectMs`, until nobody is moved there for the rest of it. */
  suspectFailures: 2,
  suspectMs: 600_000,
  /** How long moves that are over are remembered, ms. */
  moveKeptMs: 3_600_000,
  /** Moves remembered; more are forgotten sooner. */
  movesKeptMax: 1024,
  /** Standby shards that get a replica anew in one pass. */
  standbyRepairsMax: 1024,
  /** Requests (openings, hand-overs) that wait for their turn at the controller. */
  commandsWaitingMax: 1024,
  /** Attempts of one ordering commit against other writers of `/stamp`. */
  stampAttemptsMax: 16,
  /** Attempts of one registration against other registrations of the node. */
  registerAttemptsMax: 4,
  /** Shards in one message of an assignment stream. */
  assignmentShardsMax: 2048,
} as const
