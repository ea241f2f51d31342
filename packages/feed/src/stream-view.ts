import { comparePositions, MapDigest, MeridianError, START_POSITION } from '@meridian/topology'
import type { Position, StreamId } from '@meridian/topology'
import type { RecordChange, Snapshot } from './snapshot.ts'

/**
 * All published records of one stream at one position, with their digest kept up to date change by change. Values are
 * shared with whoever handed them in and are never written to.
 */
export class StreamView {
  readonly stream: StreamId
  #records = new Map<string, Uint8Array>()
  #digest = new MapDigest()
  #position: Position = START_POSITION

  constructor(stream: StreamId) {
    this.stream = stream
  }

  get position(): Position {
    return this.#position
  }

  get records(): ReadonlyMap<string, Uint8Array> {
    return this.#records
  }

  /** 16 hex digits. */
  get digest(): string {
    return this.#digest.value
  }

  /**
   * Becomes what the snapshot says, whatever it was before: whether that may be is the follower's rule, not ours.
   * Throws MeridianError INVALID_ARGUMENT, unchanged, if the snapshot is of another stream or its digest is not that of
   * its records.
   */
  reset(snapshot: Snapshot): void {
    if (snapshot.stream !== this.stream) {
      throw new MeridianError('INVALID_ARGUMENT', `a snapshot of ${snapshot.stream} is none of ${this.stream}`)
    }
    const records = new Map(snapshot.records)
    const digest = new MapDigest()
    for (const [key, value] of records) digest.toggle(key, value)
    if (digest.value !== snapshot.digest) {
      throw new MeridianError('INVALID_ARGUMENT', `a snapshot of ${this.stream} does not have the digest it names`)
    }
    this.#records = records
    this.#digest = digest
    this.#position = snapshot.position
  }

  /** Takes over what `other` holds, which must not be used afterwards: a reset whose cost was paid before. */
  take(other: StreamView): void {
    this.#records = other.#records
    this.#digest = other.#digest
    this.#position = other.#position
  }

  clear(): void {
    this.take(new StreamView(this.stream))
  }

  /** No changes = the same records are also those of the later position. Throws if the position does not rise (F1). */
  apply(position: Position, changes: readonly RecordChange[]): void {
    if (comparePositions(position, this.#position) <= 0) {
      throw new Error(`F1: ${this.stream} at revision ${this.#position.revision} was to apply ${position.revision}`)
    }
    for (const { key, value } of changes) {
      const before = this.#records.get(key)
      if (before !== undefined) this.#digest.toggle(key, before)
      if (value === undefined) {
        this.#records.delete(key)
      } else {
        this.#digest.toggle(key, value)
        this.#records.set(key, value)
      }
    }
    this.#position = position
  }

  /** A copy that later changes leave alone. */
  snapshot(): Snapshot {
    return { stream: this.stream, position: this.#position, records: new Map(this.#records), digest: this.digest }
  }
}

/** A view as those see it who may not change it. */
export type ReadonlyStreamView = Pick<StreamView, 'stream' | 'position' | 'records' | 'digest' | 'snapshot'>
