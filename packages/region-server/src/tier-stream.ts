import { StreamView } from '@meridian/feed'
import type { Snapshot, StreamPublisher } from '@meridian/feed'
import type { Mirror, MirrorEvent } from '@meridian/store/mirror'
import { MapDigest } from '@meridian/topology'
import type { Incarnation, Revision, StreamId } from '@meridian/topology'

/**
 * One tier's stream as this server sees it: the published records of a mirror, with their digest. Every server holds
 * it, to answer for snapshots; the one that is publisher also sends it.
 */
export class TierStream implements Disposable {
  readonly stream: StreamId
  readonly incarnation: Incarnation
  readonly #mirror: Mirror
  readonly #prefixes: readonly string[]
  readonly #view: StreamView
  readonly #unsubscribe: () => void
  #publisher: StreamPublisher | undefined

  constructor(stream: StreamId, incarnation: Incarnation, mirror: Mirror, prefixes: readonly string[]) {
    this.stream = stream
    this.incarnation = incarnation
    this.#mirror = mirror
    this.#prefixes = prefixes
    this.#view = new StreamView(stream)
    const records = new Map<string, Uint8Array>()
    const digest = new MapDigest()
    for (const prefix of prefixes) {
      for (const { key, value } of mirror.list(prefix)) {
        records.set(key, value)
        digest.toggle(key, value)
      }
    }
    this.#view.reset({ stream, position: { incarnation, revision: mirror.revision }, records, digest: digest.value })
    this.#unsubscribe = mirror.subscribe((event) => this.#apply(event))
  }

  /** Everything published up to now, at the revision this server has reached. */
  snapshot(): Snapshot {
    return this.#view.snapshot()
  }

  /** Resolves once this server has applied `revision`. */
  waitFor(revision: Revision, signal: AbortSignal): Promise<void> {
    return this.#mirror.waitFor(revision, signal)
  }

  /** From here on `publisher` tells the bus what happens. */
  publishBy(publisher: StreamPublisher): void {
    publisher.start(this.snapshot())
    this.#publisher = publisher
  }

  publishNoMore(): void {
    this.#publisher = undefined
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
    this.#publisher = undefined
  }

  #apply(event: MirrorEvent): void {
    if (event.revision <= this.#view.position.revision) return
    const changes = event.changes.filter(({ key }) => this.#prefixes.some((prefix) => key.startsWith(prefix)))
    // Progress moves the view on as well: a snapshot at the mirror's revision is newer than any update before it.
    this.#view.apply({ incarnation: this.incarnation, revision: event.revision }, changes)
    if (this.#publisher === undefined || changes.length === 0) return
    // After a compaction the changes span many revisions and are no update: followers must see a gap.
    if (event.relisted) this.#publisher.start(this.snapshot())
    else this.#publisher.update(event.revision, changes)
  }
}
