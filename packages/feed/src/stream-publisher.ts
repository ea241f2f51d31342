import { LoopScope } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import type { Incarnation, Position, Revision, StreamId } from '@meridian/topology'
import { MESSAGE_BYTES_MAX } from './bus.ts'
import type { FeedBus } from './bus.ts'
import { encodeBeacon, encodeUpdate } from './feed-message.ts'
import type { RecordChange, Snapshot } from './snapshot.ts'
import { StreamView } from './stream-view.ts'
import { feedSubject } from './subject.ts'

export interface StreamPublisherOptions {
  readonly stream: StreamId
  readonly incarnation: Incarnation
  /** Not owned: stays open when the publisher closes. */
  readonly bus: FeedBus
  readonly clock: Clock
  /** Sortable text of a new HLC stamp. */
  readonly stamp: () => string
  /** Who sends, for people. */
  readonly publisher: string
  readonly log: Logger
  /** Default 1000. */
  readonly beaconEveryMs?: number
}

/**
 * Says what the caller saw happen to one stream's records, as chained updates and a beacon every second. What it says
 * of a revision is a pure function of the store's history, so two of them at once are harmless; that there is usually
 * one is the caller's election.
 *
 * NOT promised: that anybody hears it. An update above MESSAGE_BYTES_MAX is not sent at all; the chain and the beacon
 * show it as missing and followers fetch a snapshot.
 */
export class StreamPublisher implements AsyncDisposable {
  readonly counters = { updates: 0, beacons: 0, oversized: 0 }
  readonly #options: StreamPublisherOptions
  readonly #log: Logger
  readonly #scope: LoopScope
  readonly #view: StreamView
  #started = false
  #headKnownMs = 0

  constructor(options: StreamPublisherOptions) {
    this.#options = options
    this.#log = options.log.child({ stream: options.stream })
    this.#scope = new LoopScope(this.#log)
    this.#view = new StreamView(options.stream)
  }

  /** Revision of the last update, or of the snapshot begun from. */
  get position(): Position {
    return this.#view.position
  }

  /** All published records at `position`, for who serves snapshots. */
  snapshot(): Snapshot {
    return this.#view.snapshot()
  }

  /**
   * Begins the chain at a snapshot just read from the store, and sends a beacon for it. Called again, after the store
   * compacted what was to be read next, it begins anew further on.
   *
   * The snapshot's revision becomes `previous` of the first update although perhaps no update has that revision. For
   * every follower that is right: one at the snapshot's revision came there by a snapshot or by this beacon, which is
   * the clause of the rule that lets such a revision be followed by any update around it; one that came past it by a
   * later snapshot likewise; one before it sees a gap unless the beacon shows that nothing lay between.
   */
  start(snapshot: Snapshot): void {
    if (snapshot.position.incarnation !== this.#options.incarnation) {
      throw new Error(
        `a publisher of incarnation ${this.#options.incarnation} began at ${snapshot.position.incarnation}`,
      )
    }
    if (this.#started && snapshot.position.revision < this.#view.position.revision) {
      throw new Error(`F3: a publisher at ${this.#view.position.revision} began anew at ${snapshot.position.revision}`)
    }
    this.#view.reset(snapshot)
    this.headKnown()
    if (this.#started) {
      this.#beacon()
      return
    }
    this.#started = true
    this.#scope.start('beacons', (signal) => this.#beacons(signal))
  }

  /**
   * Sends the changes of one revision. Revisions rise and none that changes a published record is left out; one that
   * changes none is passed over. Throws if the revision does not rise.
   */
  update(revision: Revision, changes: readonly RecordChange[]): void {
    if (!this.#started) throw new Error('a publisher sends updates only after its start')
    if (changes.length === 0) return
    const { bus, stream, incarnation } = this.#options
    const previous = this.#view.position.revision
    const position: Position = { incarnation, revision }
    this.#view.apply(position, changes)
    const payload = encodeUpdate(this.#sender(), { position, previous, changes })
    if (payload.length > MESSAGE_BYTES_MAX) {
      this.counters.oversized += 1
      this.#log.warn({ revision, bytes: payload.length }, 'feed update too large to send')
      this.#beacon()
      return
    }
    this.counters.updates += 1
    bus.publish(feedSubject(stream), payload)
  }

  /**
   * A linearizable read has shown that the updates so far are all there was at `asOfMs` of the clock; beacons tell how
   * long ago that is. Who hands in the time before the read, not the default now, claims nothing for its duration.
   */
  headKnown(asOfMs: number = this.#options.clock.nowMs()): void {
    this.#headKnownMs = asOfMs
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]()
  }

  async #beacons(signal: AbortSignal): Promise<void> {
    const { clock, beaconEveryMs = 1_000 } = this.#options
    while (!signal.aborted) {
      this.#beacon()
      await clock.sleep(beaconEveryMs, signal)
    }
  }

  #beacon(): void {
    const { bus, clock, stream } = this.#options
    const { position, digest } = this.#view
    const lagMs = clock.nowMs() - this.#headKnownMs
    this.counters.beacons += 1
    bus.publish(feedSubject(stream), encodeBeacon(this.#sender(), { position, digest, lagMs }))
  }

  #sender(): { stream: StreamId; stamp: string; publisher: string } {
    const { stream, stamp, publisher } = this.#options
    return { stream, stamp: stamp(), publisher }
  }
}
