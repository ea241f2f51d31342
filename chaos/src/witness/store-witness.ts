import type { Clock } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { MeridianError, revision as revisionOf } from '@meridian/topology'
import { waitUntil } from '../demo/wait-until.ts'
import type { Recorder } from '../history/recorder.ts'
import type { WitnessPhaseEvent } from '../history/store-event.ts'
import { valueMark } from '../history/value-mark.ts'
import { CommitDecoder } from './commit-decoder.ts'

/** The end of a watch is asked for when it is quiet, so that even an idle store is caught up with in about a second. */
const CATCH_UP_MS_MAX = 4000
const FIRST_REVISION = revisionOf(1)

export interface StoreWitnessOptions {
  readonly witness: string
  readonly tier: string
  readonly decodes: boolean
  /** Everything that is ordered lies under one of them. */
  readonly prefixes: readonly string[]
  /** Of the witness alone; closed by it. */
  readonly store: Store
  readonly recorder: Pick<Recorder, 'record'>
  readonly clock: Clock
}

/**
 * Records what one store commits, from its first revision on, as the store's watch tells it. A history that is gone by
 * then, a watch that ends and a dump that cannot be had make the witness `lost`: said in the history, never thrown, since
 * who is only watched must not fail because of it.
 */
export class StoreWitness implements AsyncDisposable {
  readonly #options: StoreWitnessOptions
  readonly #stop = new AbortController()
  readonly #watching: Promise<void>
  #seen = 0n
  #lost = false

  constructor(options: StoreWitnessOptions) {
    this.#options = options
    this.#phase({ phase: 'began' })
    this.#watching = this.#watch()
  }

  /**
   * Reads the store whole, by quorum and beside the watch, records it and waits until the watch has come that far. Ends
   * the watch: nothing is recorded afterwards.
   */
  async finish(signal: AbortSignal): Promise<void> {
    const { store, prefixes, recorder, witness, tier, clock } = this.#options
    try {
      // One listing of everything, because several would be of several revisions.
      const { records, revision } = await store.list('', { signal })
      await waitUntil(`${witness} to see revision ${revision}`, clock, CATCH_UP_MS_MAX, signal, () => {
        return this.#lost || this.#seen >= revision
      })
      if (this.#lost) return
      const rows = records.filter(({ key }) => prefixes.some((prefix) => key.startsWith(prefix)))
      for (const { key, value, modRevision } of rows) {
        const rev = String(modRevision)
        recorder.record({ kind: 'store-row', witness, tier, rev, key, value: valueMark(value) })
      }
      this.#phase({ phase: 'ended', rev: String(revision), rows: rows.length })
    } catch (error) {
      this.#lose(error)
    } finally {
      await this[Symbol.asyncDispose]()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watching
    await this.#options.store[Symbol.asyncDispose]()
  }

  async #watch(): Promise<void> {
    const { store, prefixes, recorder } = this.#options
    const decoder = new CommitDecoder(this.#options)
    const { signal } = this.#stop
    try {
      for await (const event of store.watch({ fromRevision: FIRST_REVISION, prefixes, signal })) {
        if (signal.aborted) return
        if (event.kind === 'compacted') {
          throw new MeridianError('COMPACTED', `what came before revision ${event.compactRevision} was not seen`)
        }
        if (event.kind === 'changes') {
          for (const entry of decoder.read(event.revision, event.changes)) recorder.record(entry)
        }
        this.#seen = event.revision
      }
      if (!signal.aborted) throw new Error('the watch ended')
    } catch (error) {
      this.#lose(error)
    }
  }

  #lose(error: unknown): void {
    if (this.#lost) return
    this.#lost = true
    this.#phase({ phase: 'lost', why: error instanceof Error ? error.message : String(error) })
  }

  #phase(phase: Pick<WitnessPhaseEvent, 'phase'> & Partial<WitnessPhaseEvent>): void {
    const { witness, tier, decodes, recorder } = this.#options
    recorder.record({ kind: 'witness', witness, tier, decodes, rev: '', rows: 0, why: '', ...phase })
  }
}
