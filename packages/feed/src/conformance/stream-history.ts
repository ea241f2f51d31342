import { incarnation, MapDigest, revision } from '@meridian/topology'
import type { Incarnation, Position, Revision, StreamId } from '@meridian/topology'
import type { RecordChange, Snapshot } from '../snapshot.ts'

interface Life {
  /** What it began with: empty, or what the backup held. */
  readonly base: ReadonlyMap<string, Uint8Array>
  readonly commits: { readonly revision: Revision; readonly changes: readonly RecordChange[] }[]
}

/** Everything that ever was committed to a made-up store, and so what a view at any position has to be. */
export class StreamHistory {
  readonly stream: StreamId
  readonly #lives = new Map<Incarnation, Life>([[incarnation(1), { base: new Map(), commits: [] }]])
  #head: Position = { incarnation: incarnation(1), revision: revision(1) }

  constructor(stream: StreamId) {
    this.stream = stream
  }

  get head(): Position {
    return this.#head
  }

  /** `skipped`: revisions before it that changed nothing published, as elections and renewals do. */
  commit(changes: readonly RecordChange[], skipped: number = 0): Position {
    this.pass(skipped + 1)
    this.#life(this.#head.incarnation).commits.push({ revision: this.#head.revision, changes })
    return this.#head
  }

  /** Revisions that change nothing published. */
  pass(revisions: number): void {
    this.#head = { ...this.#head, revision: revision(this.#head.revision + BigInt(revisions)) }
  }

  /** The store is restored from a backup taken at `to`: a new incarnation begins there. */
  restore(to: Revision): void {
    const base = this.recordsAt({ ...this.#head, revision: to })
    this.#head = { incarnation: incarnation(this.#head.incarnation + 1n), revision: to }
    this.#lives.set(this.#head.incarnation, { base, commits: [] })
  }

  /** Replayed from the beginning each time: slow, and too simple to be wrong. */
  recordsAt(position: Position): ReadonlyMap<string, Uint8Array> {
    if (position.revision === 0n && position.incarnation === 0n) return new Map()
    const { base, commits } = this.#life(position.incarnation)
    const records = new Map(base)
    for (const commit of commits) {
      if (commit.revision > position.revision) break
      for (const { key, value } of commit.changes) {
        if (value === undefined) records.delete(key)
        else records.set(key, value)
      }
    }
    return records
  }

  snapshotAt(position: Position = this.#head): Snapshot {
    const records = this.recordsAt(position)
    const digest = new MapDigest()
    for (const [key, value] of records) digest.toggle(key, value)
    return { stream: this.stream, position, records, digest: digest.value }
  }

  #life(of: Incarnation): Life {
    const life = this.#lives.get(of)
    if (life === undefined) throw new Error(`incarnation ${of} never was`)
    return life
  }
}
