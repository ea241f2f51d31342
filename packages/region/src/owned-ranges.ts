import type { RangeDescriptor, RangeId } from '@meridian/topology'

/**
 * The global tier as this server has applied it: all ranges, whoever owns them. May be behind, is never ahead, and
 * shows each revision of G as a whole. An empty or young view is no evidence of absence: nothing is ever removed
 * because a range is missing here.
 */
export interface OwnedRanges {
  ranges(): Iterable<RangeDescriptor>
  get(id: RangeId): RangeDescriptor | undefined
  /** Called after each change; returns the way to stop. */
  subscribe(listener: () => void): () => void
}
