/**
 * What the hybrid clock of a process did. Stamps in their text form; `ptMs` is the physical time that the process saw,
 * milliseconds since the epoch, which faults may bend. A process keeps its `proc` over restarts: its stamps are one chain.
 */
export type ClockEvent = HlcStampEvent | HlcReceiveEvent | HlcMergeEvent | HlcRefuseEvent | HlcCeilingEvent

export interface HlcStampEvent {
  readonly kind: 'hlc.stamp'
  readonly stamp: string
  readonly ptMs: number
  /** Names the message that carries it, unique over the run; empty: none does. */
  readonly message: string
}

/** A stamp was merged. */
export interface HlcReceiveEvent {
  readonly kind: 'hlc.recv'
  readonly message: string
  /** What came. */
  readonly theirs: string
  /** The own clock afterwards. */
  readonly stamp: string
  readonly ptMs: number
}

/** The stamp of something that was committed came to be known: whatever is stamped from here on exceeds it. */
export interface HlcMergeEvent {
  readonly kind: 'hlc.merge'
  readonly message: string
  readonly theirs: string
  readonly ptMs: number
}

/** A stamp was too far ahead, and was not merged. */
export interface HlcRefuseEvent {
  readonly kind: 'hlc.refuse'
  readonly message: string
  readonly theirs: string
  readonly ptMs: number
}

/** Durable from here on: no stamp beyond it is issued before the next ceiling is. */
export interface HlcCeilingEvent {
  readonly kind: 'hlc.ceil'
  readonly ceilingMs: number
}
