import type { BackoffPolicy } from '@meridian/loop'
import { backoffMs } from '@meridian/loop'
import type { Revision } from '@meridian/topology'
import type { WatchEvent, WatchOptions } from '../store.ts'
import type { CallContext } from './calls.ts'
import type { EtcdCredentials, EtcdEndpoint } from './endpoint.ts'
import { EVERYTHING, revisionOf, spanOf } from './records.ts'
import { RevisionAssembler } from './revision-assembler.ts'
import { memberStatus } from './status.ts'
import { WatchStream } from './watch-stream.ts'

/** After this long without a word the server is asked how far it is. */
const IDLE_MS = 1000
/** A server that has not said anything this long after being asked is given up. */
const SILENCE_MS_MAX = 3000
const CONNECT_TIMEOUT_MS = 2000
const RECONNECT: BackoffPolicy = { delayMsMin: 20, delayMsMax: 2000 }
/** How often a watch that had to go farther away looks whether the nearest server is back. */
const HOMECOMING_EVERY_MS = 10_000
const HOMECOMING_TIMEOUT_MS = 1000

export interface WatchContext extends CallContext {
  readonly credentials: EtcdCredentials | undefined
  readonly random: () => number
}

/**
 * The cursor moves only when a revision is delivered or the server has said that there is nothing up to a revision.
 * It never moves on the confirmation of a watch, which says nothing about what is still to come.
 *
 * Several prefixes are one watch on all keys, filtered here: streams merged by revision could not tell when a revision
 * is complete, and our clusters hold nothing but our records.
 */
export async function* watchEtcd(context: WatchContext, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
  const { endpoints, clock, log, random } = context
  const { prefixes, onConnection } = options
  const ended = AbortSignal.any([options.signal, context.closed])
  const [only, ...more] = prefixes
  const span = only !== undefined && more.length === 0 ? spanOf(only) : EVERYTHING
  let cursor: bigint = options.fromRevision > 0n ? options.fromRevision : 1n
  let connection: 'connected' | 'lost' | undefined
  let failures = 0

  while (!ended.aborted) {
    const [endpoint] = endpoints.order()
    if (endpoint === undefined) throw new Error('no endpoints')
    try {
      using stream = await WatchStream.open(
        endpoint.url,
        context.credentials,
        span,
        cursor as Revision,
        CONNECT_TIMEOUT_MS,
        clock,
        ended,
      )
      const home = new Homecoming(context, endpoint, ended)
      const assembler = new RevisionAssembler()
      let confirmed = false
      let asked = false
      while (!home.calls) {
        const response = await stream.next(confirmed && !asked ? IDLE_MS : SILENCE_MS_MAX, ended)
        if (response === undefined) {
          if (!confirmed || asked) throw new Error(`no word from the server in ${SILENCE_MS_MAX} ms`)
          stream.requestProgress()
          asked = true
          continue
        }
        asked = false
        if (response.canceled) {
          const compactRevision = revisionOf(response.compact_revision)
          if (compactRevision === 0n) throw new Error(`the server ended the watch: ${response.cancel_reason}`)
          yield { kind: 'compacted', compactRevision }
          return
        }
        confirmed = true
        if (connection !== 'connected') {
          connection = 'connected'
          onConnection?.('connected')
        }
        if (response.created) continue
        failures = 0
        endpoints.answered(endpoint)
        let unmatched: Revision | undefined
        for (const { revision, changes } of assembler.add(response.events, !response.fragment)) {
          if (revision < cursor) continue
          cursor = revision + 1n
          const matching = changes.filter(({ key }) => prefixes.some((prefix) => key.startsWith(prefix)))
          unmatched = matching.length === 0 ? revision : undefined
          if (matching.length > 0) yield { kind: 'changes', revision, changes: matching }
        }
        if (response.events.length === 0 && !response.fragment) {
          const revision = revisionOf(response.header.revision)
          // A watch on the future is told of revisions before it; what is behind the cursor was told already.
          if (revision < cursor - 1n) continue
          cursor = revision + 1n
          unmatched = revision
        }
        if (unmatched !== undefined) yield { kind: 'progress', revision: unmatched }
      }
      // Going home on purpose loses nothing and is no failure: nobody needs to know.
      continue
    } catch (error) {
      if (ended.aborted) return
      endpoints.failed(endpoint)
      log.warn({ err: error, endpoint: endpoint.url, cursor, failures }, 'watch lost')
      if (connection !== 'lost') {
        connection = 'lost'
        onConnection?.('lost', error)
      }
    }
    try {
      await clock.sleep(backoffMs(RECONNECT, failures, random), ended)
    } catch {
      return // aborted: a watch ends without throwing
    }
    failures += 1
  }
}

/** While a watch is not at the nearest server, asks that one from time to time, beside the watch, if it is well again. */
class Homecoming {
  readonly #context: CallContext
  readonly #nearest: EtcdEndpoint | undefined
  readonly #signal: AbortSignal
  #askAtMs: number
  #calls = false

  constructor(context: CallContext, current: EtcdEndpoint, signal: AbortSignal) {
    const { nearest } = context.endpoints
    this.#context = context
    this.#nearest = nearest === current ? undefined : nearest
    this.#signal = signal
    this.#askAtMs = context.clock.nowMs() + HOMECOMING_EVERY_MS
  }

  /** Whether to leave for the nearest server now. */
  get calls(): boolean {
    const nowMs = this.#context.clock.nowMs()
    if (this.#nearest !== undefined && nowMs >= this.#askAtMs) {
      this.#askAtMs = nowMs + HOMECOMING_EVERY_MS
      void this.#ask(this.#nearest)
    }
    return this.#calls
  }

  async #ask(nearest: EtcdEndpoint): Promise<void> {
    try {
      await nearest.connect('Maintenance', HOMECOMING_TIMEOUT_MS, this.#signal)
      const { leader } = await memberStatus(nearest, { timeoutMs: HOMECOMING_TIMEOUT_MS, signal: this.#signal })
      if (leader === undefined) return
      this.#context.endpoints.answered(nearest)
      this.#calls = true
    } catch (error) {
      this.#context.log.debug({ err: error, endpoint: nearest.url }, 'nearest server still away')
    }
  }
}
