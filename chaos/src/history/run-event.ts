/** The run as a whole: what it was made of, which processes recorded, and which faults were on when. */
export type RunEvent = RunStartEvent | ProcStartEvent | ProcEndEvent | FaultOnEvent | FaultOffEvent

/** Once, by who drives the run. What is left out has the default of `DEFAULT_CONSTANTS`. */
export interface RunStartEvent {
  readonly kind: 'run'
  readonly seed: string
  /** `t` of every record is when it happened, as in a simulation, and not when the recorder was told. */
  readonly exact: boolean
  readonly constants: Partial<Constants>
}

/** Constants of the protocols that a run was made with. Milliseconds but for `rate`. */
export interface Constants {
  /** d: bound of the rate error between two monotonic clocks. */
  readonly rate: number
  /** e: allowance for scheduling and measuring. */
  readonly allowanceMs: number
  readonly regionLeaseMs: number
  readonly nodeLeaseMs: number
  /** Lease reads stop this long before the deadline. */
  readonly guardMs: number
  /** delta: largest clock lead accepted from a peer. */
  readonly leadMs: number
}

export const DEFAULT_CONSTANTS: Constants = {
  rate: 0.01,
  allowanceMs: 250,
  regionLeaseMs: 9000,
  nodeLeaseMs: 6000,
  guardMs: 100,
  leadMs: 500,
}

/** The first record of a process's life. */
export interface ProcStartEvent {
  readonly kind: 'proc.start'
}

/** The last record of a process's life; a life that was killed has none, and `fault.on` says so. */
export interface ProcEndEvent {
  readonly kind: 'proc.end'
}

export const FAULTS = [
  'kill',
  'pause',
  'cut',
  'slow-link',
  'lossy-link',
  'clock-jump',
  'clock-rate',
  'clock-freeze',
  'disk-full',
  'disk-slow',
  'disk-lost',
  'drop-acks',
  'compaction',
  'restore',
  'storm',
] as const

export type FaultName = (typeof FAULTS)[number]

/**
 * A fault took effect. `target` names what it struck: `node:eu-n1`, `server:eu-s1`, `region:eu`, `store:g`, `store:eu`,
 * `role:eu/controller` (whoever leads it), `router:r1`, `link:eu>us`. Of a store `quorum: 'lost'` among the parameters says
 * that it can answer nobody until the fault is over.
 */
export interface FaultOnEvent {
  readonly kind: 'fault.on'
  /** Unique over the run. */
  readonly id: string
  readonly fault: FaultName
  readonly target: string
  readonly params: Readonly<Record<string, string | number>>
}

/** The same fault has ended: what it struck works again. */
export interface FaultOffEvent {
  readonly kind: 'fault.off'
  readonly id: string
  readonly fault: FaultName
  readonly target: string
}
