import { StampRefusedError, formatTimestamp, parseTimestamp } from '@meridian/hlc'
import type { HybridClock } from '@meridian/hlc'
import { guardedTxn } from '@meridian/store'
import type { Leadership, Store, Txn, TxnOutcome } from '@meridian/store'
import { MeridianError, STAMP_KEY } from '@meridian/topology'
import { RegionLimits } from './region-timing.ts'

/**
 * The one way in which ordering events (pages, node epochs) are committed to E: with a stamp that is compared with, and
 * becomes, `/stamp`, so that the order of stamps is the order of revisions (R8, I31), whoever writes.
 */
export class OrderingWriter {
  readonly #store: Store
  readonly #hlc: HybridClock

  constructor(store: Store, hlc: HybridClock) {
    this.#store = store
    this.#hlc = hlc
  }

  /**
   * As `Store.txn`, and with `leadership` as `guardedTxn`. A refusal is one by the caller's own guards: a stamp that came
   * second is replaced and the transaction tried again.
   *
   * @throws MeridianError CLOCK_OFFSET when this process's clock is too far behind the stored stamp; LEADERSHIP_LOST;
   *   UNAVAILABLE; OUTCOME_UNKNOWN
   */
  async commit(txn: Txn, leadership: Leadership | undefined, signal: AbortSignal): Promise<TxnOutcome> {
    for (let attempt = 0; attempt < RegionLimits.stampAttemptsMax; attempt += 1) {
      const stamp = Buffer.from(this.#stamp())
      const stamped: Txn = {
        guards: [...txn.guards, { kind: 'value-below', key: STAMP_KEY, bound: stamp }],
        operations: [...txn.operations, { kind: 'put', key: STAMP_KEY, value: stamp }],
        onRefusalRead: [...(txn.onRefusalRead ?? []), STAMP_KEY],
      }
      const outcome =
        leadership === undefined
          ? await this.#store.txn(stamped, signal)
          : await guardedTxn(this.#store, leadership, stamped, signal)
      if (outcome.committed) return outcome
      const last = outcome.records.find((record) => record.key === STAMP_KEY)
      if (last === undefined) throw new Error('the regional tier has no stamp: it was not bootstrapped')
      if (Buffer.compare(last.value, stamp) < 0) {
        return { ...outcome, records: outcome.records.filter((record) => record !== last) }
      }
      this.#hlc.observeCommitted(parseTimestamp(Buffer.from(last.value).toString()))
    }
    throw new MeridianError('UNAVAILABLE', `Other writers' stamps came first ${RegionLimits.stampAttemptsMax} times.`)
  }

  #stamp(): string {
    try {
      return formatTimestamp(this.#hlc.now())
    } catch (cause) {
      if (!(cause instanceof StampRefusedError)) throw cause
      throw new MeridianError('CLOCK_OFFSET', cause.message, { cause })
    }
  }
}
