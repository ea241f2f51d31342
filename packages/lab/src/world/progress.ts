import type { SupervisorEvent } from '@meridian/deploy'

import type { Calibration } from '../calibrate.ts'
import type { CanaryReport } from '../canary.ts'

/** What a start does, in this order. */
export const WORLD_STEPS = [
  'folder',
  'ports',
  'render',
  'wan',
  'calibrate',
  'canary',
  'regions',
  'leader',
  'ready',
] as const

export type WorldStep = (typeof WORLD_STEPS)[number]

/** Times are milliseconds; `elapsedMs` counts from the start of the whole. */
export type WorldProgress =
  | { readonly kind: 'begin'; readonly step: WorldStep; readonly text: string; readonly elapsedMs: number }
  | {
      readonly kind: 'end'
      readonly step: WorldStep
      readonly text: string
      readonly tookMs: number
      readonly elapsedMs: number
    }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'calibrated'; readonly calibration: Calibration }
  | { readonly kind: 'canary'; readonly report: CanaryReport }
  /** Also after the start, for as long as the world runs. Names are the world's. */
  | { readonly kind: 'process'; readonly event: SupervisorEvent }

/** Reports each step's begin and end; a step that throws reports no end. */
export class Steps {
  readonly #progress: (event: WorldProgress) => void
  readonly #nowMs: () => number
  readonly #begunMs: number

  constructor(progress: (event: WorldProgress) => void, nowMs: () => number) {
    this.#progress = progress
    this.#nowMs = nowMs
    this.#begunMs = nowMs()
  }

  note(text: string): void {
    this.#progress({ kind: 'note', text })
  }

  /** @param work answers with its result and the words that sum it up. */
  async step<T>(step: WorldStep, text: string, work: () => Promise<{ result: T; text: string }>): Promise<T> {
    const begunMs = this.#nowMs()
    this.#progress({ kind: 'begin', step, text, elapsedMs: begunMs - this.#begunMs })
    const done = await work()
    const endMs = this.#nowMs()
    const elapsedMs = endMs - this.#begunMs
    this.#progress({ kind: 'end', step, text: done.text, tookMs: endMs - begunMs, elapsedMs })
    return done.result
  }
}
