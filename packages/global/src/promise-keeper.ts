import type { Clock, Logger } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { Mirror } from '@meridian/store/mirror'
import { isMeridianError, MeridianError, regionId } from '@meridian/topology'
import type { RegionId, Revision } from '@meridian/topology'
import type { TakeGate } from './authority.ts'
import { regionWaitMsOf } from './region-lease.ts'
import type { TakePromise } from './standstill.ts'

/** Both in the region's own E: what it promised each region, and from which it takes. */
export const PROMISE_PREFIX = '/promise/'
export const TAKING_PREFIX = '/taking/'

export interface PromiseKeeperOptions {
  readonly region: RegionId
  /** E of this region. */
  readonly store: Store
  /** Whether G answers here, by a majority of its voters: then nobody has to stand still. */
  readonly globalWorks: () => boolean
  /** Regions that this server knows of. */
  readonly members: () => readonly RegionId[]
  /** D: how long a promise runs from when it was asked for. Every holder and every keeper of the fleet must use the same. */
  readonly promiseMs: number
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
}

const NONE = 0n as Revision

/**
 * One region's word not to take ranges of another for a while. It stands in the region's E, so every server of the region
 * keeps it, whichever is elected, and one that has just started waits as if it had given one. Giving and taking exclude
 * each other there: a promise is refused while the region takes, and taking begins only without a promise that may run.
 */
export class PromiseKeeper implements TakeGate, AsyncDisposable {
  readonly #options: PromiseKeeperOptions
  readonly #mirror: Mirror
  readonly #startedMs: number
  /** When the newest promise to each region was first seen here. */
  readonly #seen = new Map<RegionId, { readonly modRevision: Revision; readonly sinceMs: number }>()
  readonly #clearing = new Set<RegionId>()
  readonly #ended = new AbortController()

  private constructor(options: PromiseKeeperOptions, mirror: Mirror) {
    this.#options = options
    this.#mirror = mirror
    this.#startedMs = options.clock.nowMs()
    for (const record of mirror.list(PROMISE_PREFIX)) this.#see(record.key, record.modRevision)
    mirror.subscribe(({ changes }) => {
      for (const { key, modRevision } of changes) if (key.startsWith(PROMISE_PREFIX)) this.#see(key, modRevision)
    })
  }

  static async open(options: PromiseKeeperOptions, signal: AbortSignal): Promise<PromiseKeeper> {
    const { store, clock, log, random } = options
    const prefixes = [PROMISE_PREFIX, TAKING_PREFIX]
    return new PromiseKeeper(options, await Mirror.open(store, { prefixes, clock, log, random }, signal))
  }

  /**
   * Promises not to take from `holder` for `promiseMs`. It counts from before it asked.
   *
   * @throws MeridianError UNAVAILABLE when there is no need or the region is taking; what E throws. An unknown outcome
   * binds this region all the same.
   */
  async promise(holder: RegionId, signal: AbortSignal): Promise<TakePromise> {
    const { store, globalWorks, promiseMs, members, region } = this.#options
    if (globalWorks()) throw new MeridianError('UNAVAILABLE', `the global tier answers in ${region}`)
    const outcome = await store.txn(
      {
        guards: [{ kind: 'create-revision', key: TAKING_PREFIX + holder, equals: NONE }],
        operations: [{ kind: 'put', key: PROMISE_PREFIX + holder, value: Buffer.from(JSON.stringify({ promiseMs })) }],
      },
      signal,
    )
    if (!outcome.committed) throw new MeridianError('UNAVAILABLE', `${region} is taking the ranges of ${holder}`)
    return { promiseMs, members: members() }
  }

  async acquire(region: RegionId, leaseRevision: Revision, signal: AbortSignal): Promise<string | undefined> {
    const { store, clock } = this.#options
    const nowMs = clock.nowMs()
    const waitMs = regionWaitMsOf(this.#options.promiseMs)
    if (nowMs - this.#startedMs < waitMs) return 'this server may have promised to stand still before it started'
    const key = PROMISE_PREFIX + region
    const promise = await store.get(key, { signal })
    if (promise !== undefined) {
      const { sinceMs } = this.#see(key, promise.modRevision)
      if (clock.nowMs() - sinceMs < waitMs) return 'this region promised to stand still'
    }
    const outcome = await store.txn(
      {
        guards: [{ kind: 'mod-revision', key, equals: promise?.modRevision ?? NONE }],
        operations: [{ kind: 'put', key: TAKING_PREFIX + region, value: Buffer.from(String(leaseRevision)) }],
      },
      signal,
    )
    return outcome.committed ? undefined : 'this region promised to stand still just now'
  }

  returned(region: RegionId, leaseRevision: Revision): void {
    const taking = this.#mirror.get(TAKING_PREFIX + region)
    // Only once nothing that rests on the older lease can be committed any more.
    if (taking === undefined || BigInt(Buffer.from(taking.value).toString()) >= leaseRevision) return
    if (this.#clearing.has(region)) return
    this.#clearing.add(region)
    void this.#clear(region, taking.modRevision)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error('closed'))
    await this.#mirror[Symbol.asyncDispose]()
  }

  async #clear(region: RegionId, equals: Revision): Promise<void> {
    const key = TAKING_PREFIX + region
    const { store, log } = this.#options
    try {
      const guards = [{ kind: 'mod-revision', key, equals } as const]
      await store.txn({ guards, operations: [{ kind: 'delete', key }] }, this.#ended.signal)
    } catch (error) {
      // The next look tries again.
      if (!this.#ended.signal.aborted && !isMeridianError(error)) throw error
      log.debug({ err: error, region }, 'the end of a takeover not written down')
    } finally {
      this.#clearing.delete(region)
    }
  }

  #see(key: string, modRevision: Revision): { readonly sinceMs: number } {
    const region = regionId(key.slice(PROMISE_PREFIX.length))
    const known = this.#seen.get(region)
    if (known !== undefined && known.modRevision >= modRevision) return known
    const seen = { modRevision, sinceMs: this.#options.clock.nowMs() }
    this.#seen.set(region, seen)
    return seen
  }
}
