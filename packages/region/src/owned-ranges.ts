import type { Key, KeyspaceName, RangeDescriptor, RangeId, Revision } from '@meridian/topology'

/**
 * The global tier as this server has applied it: all ranges, whoever owns them. May be behind, is never ahead, and
 * shows each revision of G as a whole. An empty or young view is no evidence of absence: nothing is ever removed
 * because a range is missing here.
 */
export interface OwnedRanges {
  /** What is shown is G at this revision. */
  readonly revision: Revision
  /** Resolves once the view holds all that G had committed when this was called: a linearizable read of G. */
  catchUp(signal: AbortSignal): Promise<void>
  ranges(): Iterable<RangeDescriptor>
  get(id: RangeId): RangeDescriptor | undefined
  /** The range that holds `key`. */
  find(keyspace: KeyspaceName, key: Key): RangeDescriptor | undefined
  /** Called after each change; returns the way to stop. */
  subscribe(listener: () => void): () => void
}
