import { backoffMs } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import { isMeridianError, MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import type { RecordChange, Store, StoreRecord } from './store.ts'

/** Pause between attempts to list when the store gives no answer. */
const RELIST_BACKOFF = { delayMsMin: 50, delayMsMax: 2000 }

export interface MirrorEvent {
  /** Everything up to and including this revision is now in the mirror. */
  readonly revision: Revision
  /** What changed, in key order of one revision. Empty for mere progress. */
  readonly changes: readonly RecordChange[]
  /** True when history was lost to a compaction and `changes` is the difference to a new listing, over many revisions. */
  readonly relisted: boolean
}

export interface MirrorOptions {
  readonly prefixes: readonly string[]
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
}

/**
 * The records under some prefixes, in memory, as the nearest member of the store has applied them: list, then watch.
 *
 * It may be behind the store and is never ahead; decisions made on it are guarded by the mod revisions they saw.
 * It never goes back: a member that is behind is waited for.
 */
export class Mirror implements AsyncDisposable {
  readonly #store: Store
  readonly #options: MirrorOptions
  readonly #records = new Map<string, StoreRecord>()
  readonly #listeners = new Set<(event: MirrorEvent) => void>()
  readonly #waiters = new Set<{ readonly revision: Revision; readonly resolve: () => void }>()
  readonly #closing = new AbortController()
  #revision = 0n as Revision
  #provenMs: number
  #running: Promise<void> = Promise.resolve()

  private constructor(store: Store, options: MirrorOptions) {
    this.#store = store
    this.#options = options
    this.#provenMs = options.clock.nowMs()
  }

  /** Resolves after the first listing; tries until `signal` aborts. */
  static async open(store: Store, options: MirrorOptions, signal: AbortSignal): Promise<Mirror> {
    const mirror = new Mirror(store, options)
    await mirror.#relist(AbortSignal.any([signal, mirror.#closing.signal]))
    mirror.#running = mirror.#follow()
    return mirror
  }

  get revision(): Revision {
    return this.#revision
  }

  get(key: string): StoreRecord | undefined {
    return this.#records.get(key)
  }

  /** Records under `prefix`, unordered. */
  *list(prefix: string): Iterable<StoreRecord> {
    for (const record of this.#records.values()) if (record.key.startsWith(prefix)) yield record
  }

  /** Milliseconds since the store last proved, by an event or a progress notice, that nothing was missing. */
  ageMs(): number {
    return this.#options.clock.nowMs() - this.#provenMs
  }

  /** Called synchronously with each event, in order; must not throw. Returns the way to stop. */
  subscribe(listener: (event: MirrorEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves once `revision` is applied. */
  async waitFor(revision: Revision, signal: AbortSignal): Promise<void> {
    if (this.#revision >= revision) return
    await new Promise<void>((resolve, reject) => {
      const end = AbortSignal.any([signal, this.#closing.signal])
      const waiter = { revision, resolve: () => (end.removeEventListener('abort', abort), resolve()) }
      const abort = () => {
        this.#waiters.delete(waiter)
        reject(
          new MeridianError('UNAVAILABLE', `the store's watch has reached revision ${this.#revision}, not ${revision}`),
        )
      }
      if (end.aborted) return abort()
      end.addEventListener('abort', abort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('closed'))
    await this.#running
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const fromRevision = (this.#revision + 1n) as Revision
      try {
        for await (const event of this.#store.watch({ fromRevision, prefixes: this.#options.prefixes, signal })) {
          if (event.kind === 'compacted') break
          if (event.kind === 'progress') this.#advance(event.revision, [], false)
          else this.#applyChanges(event.revision, event.changes)
        }
        if (!signal.aborted) await this.#relist(signal)
      } catch (error) {
        if (signal.aborted) return
        // A store answers with MeridianErrors; anything else is a bug of ours, and is said as one while we try on.
        const level = isMeridianError(error) ? 'warn' : 'error'
        this.#options.log[level]({ err: error }, 'mirror watch failed')
        await this.#options.clock.sleep(RELIST_BACKOFF.delayMsMax, signal).catch(() => {})
      }
    }
  }

  #applyChanges(revision: Revision, changes: readonly RecordChange[]): void {
    for (const change of changes) {
      if (change.value === undefined) this.#records.delete(change.key)
      else {
        const createRevision = this.#records.get(change.key)?.createRevision ?? change.modRevision
        this.#records.set(change.key, {
          key: change.key,
          value: change.value,
          createRevision,
          modRevision: change.modRevision,
        })
      }
    }
    this.#advance(revision, changes, false)
  }

  async #relist(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted()
      try {
        const listed = await this.#listAll(signal)
        // A member behind what was already applied would take the mirror back.
        if (listed.revision >= this.#revision) return this.#replace(listed)
      } catch (error) {
        if (signal.aborted) throw error
        this.#options.log.debug({ err: error, attempt }, 'mirror listing failed')
      }
      await this.#options.clock.sleep(backoffMs(RELIST_BACKOFF, attempt, this.#options.random), signal)
    }
  }

  async #listAll(signal: AbortSignal): Promise<{ records: Map<string, StoreRecord>; revision: Revision }> {
    const records = new Map<string, StoreRecord>()
    let revision: Revision | undefined
    for (const prefix of this.#options.prefixes) {
      const listing = await this.#store.list(prefix, {
        consistency: 'local',
        signal,
        ...(revision === undefined ? {} : { revision }),
      })
      revision ??= listing.revision
      for (const record of listing.records) records.set(record.key, record)
    }
    return { records, revision: revision ?? (0n as Revision) }
  }

  #replace(listed: { records: Map<string, StoreRecord>; revision: Revision }): void {
    const changes: RecordChange[] = []
    for (const key of this.#records.keys()) {
      if (!listed.records.has(key)) changes.push({ key, value: undefined, modRevision: listed.revision })
    }
    for (const record of listed.records.values()) {
      if (this.#records.get(record.key)?.modRevision !== record.modRevision) changes.push(record)
    }
    this.#records.clear()
    for (const [key, record] of listed.records) this.#records.set(key, record)
    this.#advance(listed.revision, changes, true)
  }

  #advance(revision: Revision, changes: readonly RecordChange[], relisted: boolean): void {
    this.#provenMs = this.#options.clock.nowMs()
    if (revision < this.#revision) return
    this.#revision = revision
    for (const listener of this.#listeners) listener({ revision, changes, relisted })
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue
      this.#waiters.delete(waiter)
      waiter.resolve()
    }
  }
}
