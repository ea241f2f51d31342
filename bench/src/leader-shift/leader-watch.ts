import type { Clock } from '@meridian/loop'
import { isMeridianError } from '@meridian/topology'
import type { ExplainedLeader } from './shift-client.ts'

const LOOK_EVERY_MS = 250

/** The leader was seen elsewhere: it moved between the two times, of the run's clock. */
export interface SeenMove {
  readonly source: string
  readonly target: string
  /** When `source` was last seen to lead. */
  readonly leftMs: number
  /** When `target` was first seen to lead. */
  readonly arrivedMs: number
  /** What the placer had said last while `source` led. */
  readonly reason: string
}

export interface LeaderWatchOptions {
  /** Where the leader is. @throws MeridianError UNAVAILABLE while nobody leads for certain */
  readonly leader: () => Promise<string>
  readonly explain: (signal: AbortSignal) => Promise<ExplainedLeader>
  readonly clock: Clock
}

/** Follows the leader of the tier and what the placer says about it. */
export class LeaderWatch {
  readonly moves: SeenMove[] = []
  readonly #options: LeaderWatchOptions
  #seen: { readonly leader: string; readonly atMs: number } | undefined
  #explained: ExplainedLeader | undefined

  constructor(options: LeaderWatchOptions) {
    this.#options = options
  }

  /** As last seen. */
  get leader(): string | undefined {
    return this.#seen?.leader
  }

  /** As last answered; undefined before the first answer. */
  get explained(): ExplainedLeader | undefined {
    return this.#explained
  }

  /** Looks again and again until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!signal.aborted) {
      await this.look(signal)
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
    }
  }

  async look(signal: AbortSignal): Promise<void> {
    const { leader: ask, explain, clock } = this.#options
    try {
      const leader = await ask()
      const atMs = clock.nowMs()
      const seen = this.#seen
      if (seen !== undefined && seen.leader !== leader) {
        const reason = this.#explained?.reason ?? 'nobody had said why'
        this.moves.push({ source: seen.leader, target: leader, leftMs: seen.atMs, arrivedMs: atMs, reason })
      }
      this.#seen = { leader, atMs }
      this.#explained = await explain(signal)
    } catch (error) {
      // In the middle of a move nobody leads, and a placer that was just elected has nothing to say yet.
      if (!signal.aborted && !isMeridianError(error)) throw error
    }
  }
}
