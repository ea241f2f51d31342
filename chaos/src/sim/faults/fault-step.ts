import type { FaultName } from '../../history/run-event.ts'

/** What a nemesis does, and undoes later. A schedule is a list of these, so that it can be cut down and kept in a file. */
export interface FaultStep {
  /** After the world is up, ms. */
  readonly atMs: number
  /** How long until it is undone; of those that are over at once, 0. */
  readonly forMs: number
  readonly kind: FaultKind
  /** A process, a region, or a store; for links `from>to`. */
  readonly target: string
  /** How bad: what it means depends on the kind. */
  readonly amount: number
}

export const FAULT_KINDS = [
  /** A process ends without a word and is started again; amount: share of what was not synced that is there. */
  'kill',
  /** A process stands still. */
  'pause',
  /** Nothing passes one way between two regions, or a process and everybody. */
  'cut-one-way',
  /** Nothing passes between two places or regions. */
  'cut',
  /** Nothing passes between a process and all others. */
  'isolate',
  /** Messages take longer; amount: up to so many ms. */
  'slow-link',
  /** Messages get lost, and requests arrive twice; amount: share of each. */
  'lossy-link',
  /** The wall clock is off by amount ms. */
  'clock-jump',
  /** The monotonic clock runs at the rate amount. */
  'clock-rate',
  /** The monotonic clock stands still; amount: 1 if the wall goes on. */
  'clock-freeze',
  /** A member of a store is down: amount 0: its leader, 1: a majority. */
  'store-down',
  /** History of a store is compacted up to now. */
  'compaction',
  /** Syncs of a node's disk take amount ms longer. */
  'disk-slow',
  /** A node is killed and comes back with the disk of an earlier life. */
  'disk-back',
  /** All nodes of a region are killed at once. */
  'storm',
  /** A region is gone for a while: its servers, nodes and members of stores are killed. */
  'region-down',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** How histories call it. */
export const FAULT_NAMES: Readonly<Record<FaultKind, FaultName>> = {
  kill: 'kill',
  pause: 'pause',
  'cut-one-way': 'cut',
  cut: 'cut',
  isolate: 'cut',
  'slow-link': 'slow-link',
  'lossy-link': 'lossy-link',
  'clock-jump': 'clock-jump',
  'clock-rate': 'clock-rate',
  'clock-freeze': 'clock-freeze',
  'store-down': 'kill',
  compaction: 'compaction',
  'disk-slow': 'disk-slow',
  'disk-back': 'disk-lost',
  storm: 'kill',
  'region-down': 'kill',
}
