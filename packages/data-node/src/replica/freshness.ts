import { compareTokens } from '@meridian/topology'
import type { Token } from '@meridian/topology'

/** What a leader said when it was asked: all that was acknowledged before the question is in its log up to `index`. */
export interface ConfirmedIndex {
  readonly token: Token
  readonly index: number
}

/** Of a replica: how far it has applied, and the highest token whose leader's log agrees with all of it. */
export interface AppliedState {
  readonly agreed: Token | undefined
  readonly appliedIndex: number
}

/**
 * How old a replica's applied state is at most, by the replica's own monotonic clock: it lacks nothing that was
 * acknowledged before the moment at which the question was SENT whose answer it has caught up with.
 *
 * What a takeover without a plan lost is not lacking: it is not part of the shard any more.
 */
export class Freshness {
  #sinceMs = Number.NEGATIVE_INFINITY
  #pending: (ConfirmedIndex & { readonly sentMs: number }) | undefined
  #appliedIndex = 0

  /** Infinite while nothing is known. */
  stalenessMs(nowMs: number): number {
    return nowMs - this.#sinceMs
  }

  /** An answer is waited for: the state has not come to it yet. */
  get behind(): boolean {
    return this.#pending !== undefined
  }

  /** @param sentMs the replica's clock before the question was sent */
  confirmed(sentMs: number, { token, index }: ConfirmedIndex, state: AppliedState): void {
    this.#pending = { sentMs, token, index }
    this.moved(state)
  }

  /** To be called whenever the state may have moved. */
  moved({ agreed, appliedIndex }: AppliedState): void {
    // The state was replaced by one of another lineage, which may be only on its way to what had been confirmed.
    if (appliedIndex < this.#appliedIndex) this.forget()
    this.#appliedIndex = appliedIndex
    const pending = this.#pending
    if (pending === undefined || agreed === undefined) return
    // The confirmed index is one of its leader's log. Of a log that is not known to agree with that one it says nothing.
    if (agreed.generation > pending.token.generation) this.#pending = undefined
    else if (compareTokens(agreed, pending.token) >= 0 && appliedIndex >= pending.index) {
      this.#sinceMs = Math.max(this.#sinceMs, pending.sentMs)
      this.#pending = undefined
    }
  }

  /** The clock or the state is not what it was. */
  forget(): void {
    this.#sinceMs = Number.NEGATIVE_INFINITY
    this.#pending = undefined
  }
}
