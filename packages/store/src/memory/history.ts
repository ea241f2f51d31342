import { MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import type { RecordChange, StoreRecord } from '../store.ts'

interface Version {
  readonly createRevision: Revision
  readonly modRevision: Revision
  /** Undefined: deleted by `modRevision`. */
  readonly value: Uint8Array | undefined
}

interface Entry {
  readonly revision: Revision
  readonly changes: readonly RecordChange[]
}

export interface Mutation {
  readonly key: string
  /** Undefined: delete. */
  readonly value: Uint8Array | undefined
}

/**
 * Every version of every key since the last compaction. Revisions are dense: an empty store is at revision 1 as etcd
 * is, and each commit that changes something adds one.
 */
export class History {
  readonly #versions = new Map<string, Version[]>()
  #entries: Entry[] = []
  #revision = 1n
  #compactRevision = 0n

  get revision(): Revision {
    return this.#revision as Revision
  }

  /** The oldest revision that can still be read and watched. */
  get compactRevision(): Revision {
    return this.#compactRevision as Revision
  }

  at(key: string, revision: Revision = this.revision): StoreRecord | undefined {
    const version = this.#versions.get(key)?.findLast((candidate) => candidate.modRevision <= revision)
    if (version?.value === undefined) return undefined
    return { key, value: version.value, createRevision: version.createRevision, modRevision: version.modRevision }
  }

  list(prefix: string, revision: Revision = this.revision): StoreRecord[] {
    if (revision < this.#compactRevision) {
      throw new MeridianError('COMPACTED', `Revision ${revision} is gone; the oldest is ${this.#compactRevision}.`)
    }
    if (revision > this.#revision) {
      throw new MeridianError('UNAVAILABLE', `Revision ${revision} is not here yet; the newest is ${this.#revision}.`)
    }
    const records: StoreRecord[] = []
    for (const key of this.#versions.keys()) {
      if (!key.startsWith(prefix)) continue
      const record = this.at(key, revision)
      if (record !== undefined) records.push(record)
    }
    return records.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** Deletions of absent keys change nothing, and a commit that changes nothing makes no revision. */
  commit(mutations: readonly Mutation[]): Revision {
    const effective = mutations.filter(({ key, value }) => value !== undefined || this.at(key) !== undefined)
    if (effective.length === 0) return this.revision
    const revision = (this.#revision + 1n) as Revision
    const changes = effective.map(({ key, value }): RecordChange => {
      const versions = this.#versions.get(key) ?? []
      const createRevision = this.at(key)?.createRevision ?? revision
      // Copied, because a caller may reuse its buffer and etcd would not notice.
      const kept = value?.slice()
      versions.push({ createRevision, modRevision: revision, value: kept })
      this.#versions.set(key, versions)
      return { key, value: kept, modRevision: revision }
    })
    this.#entries.push({ revision, changes })
    this.#revision = revision
    return revision
  }

  /** The first change at or after `revision`; undefined while there is none. Callers look at compactRevision first. */
  entry(revision: Revision): Entry | undefined {
    const first = this.#entries[0]
    if (first === undefined) return undefined
    return this.#entries[revision > first.revision ? Number(revision - first.revision) : 0]
  }

  compact(revision: Revision): void {
    if (revision <= this.#compactRevision || revision > this.#revision) return
    this.#compactRevision = revision
    this.#entries = this.#entries.filter((entry) => entry.revision >= revision)
    for (const [key, versions] of this.#versions) {
      const kept = versions.findLastIndex((version) => version.modRevision <= revision)
      const rest = kept > 0 ? versions.slice(kept) : versions
      const onlyTombstone = rest.length === 1 && rest[0]?.value === undefined && kept >= 0
      if (onlyTombstone) this.#versions.delete(key)
      else this.#versions.set(key, rest)
    }
  }
}
