import type { Operation } from '@meridian/protocol'

/** Phases of a planned transfer in which the range takes no writes. */
const FROZEN_PHASES: ReadonlySet<string> = new Set(['freeze', 'catch-up', 'commit'])

export interface PhaseSeen {
  readonly phase: string
  /** When it was first seen, ms since the following began. */
  readonly atMs: number
}

/** A transfer as somebody saw it who looked again and again. */
export interface TransferProgress {
  readonly operation: Operation
  readonly phases: readonly PhaseSeen[]
  /** Of the newest look, ms. */
  readonly lookedMs: number
  /**
   * Longest that the range can have been without writes as far as looks tell: from the last look before it was frozen
   * to the first one after. Undefined until it is over, and when no look caught it.
   */
  readonly frozenMsMax: number | undefined
  /** The last look at which it was not frozen yet. */
  readonly openMs: number
  readonly wasFrozen: boolean
}

/** @param nowMs ms since the following began */
export function beginProgress(operation: Operation, nowMs: number): TransferProgress {
  const isFrozen = FROZEN_PHASES.has(operation.phase)
  return {
    operation,
    phases: [{ phase: operation.phase, atMs: nowMs }],
    lookedMs: nowMs,
    frozenMsMax: undefined,
    // Somebody who comes when it is frozen already cannot say for how long it was.
    openMs: isFrozen ? Number.NaN : nowMs,
    wasFrozen: isFrozen,
  }
}

/** Another look. A phase that came and went between two looks is not seen. */
export function lookAgain(before: TransferProgress, operation: Operation, nowMs: number): TransferProgress {
  const isFrozen = FROZEN_PHASES.has(operation.phase)
  const isNew = operation.phase !== before.operation.phase
  const over = before.wasFrozen && !isFrozen && before.frozenMsMax === undefined
  const frozenMs = nowMs - before.openMs
  return {
    operation,
    phases: isNew ? [...before.phases, { phase: operation.phase, atMs: nowMs }] : before.phases,
    lookedMs: nowMs,
    frozenMsMax: over && !Number.isNaN(frozenMs) ? frozenMs : before.frozenMsMax,
    openMs: before.wasFrozen || isFrozen ? before.openMs : nowMs,
    wasFrozen: before.wasFrozen || isFrozen,
  }
}

/** How long each phase was seen, ms, in order. */
export function phaseTimes({ phases, lookedMs }: TransferProgress): readonly { phase: string; ms: number }[] {
  return phases.map(({ phase, atMs }, at) => ({ phase, ms: (phases[at + 1]?.atMs ?? lookedMs) - atMs }))
}
