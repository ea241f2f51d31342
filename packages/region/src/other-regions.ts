import type { NodeId, Page, RangeId, RegionId } from '@meridian/topology'

export interface OwnerPage {
  readonly region: RegionId
  readonly page: Page
}

export interface StandbyPage {
  readonly region: RegionId
  readonly page: Page
  /** `host:port` of a node of that region; undefined while it is not known here. */
  readonly addressOf: (node: NodeId) => string | undefined
}

/**
 * What the feed delivered of the other regions' pages and nodes. Late at times, never invented; what it lacks is no
 * evidence of anything.
 */
export interface OtherRegions {
  /** The page of the highest generation under which another region leads, or led, the range. */
  ownerPage(id: RangeId): OwnerPage | undefined
  /** Pages with which other regions follow the range, of whatever generation. */
  standbyPages(id: RangeId): readonly StandbyPage[]
  /** Milliseconds since the feed last proved that nothing of this region is missing; undefined: never. */
  ageMs(region: RegionId): number | undefined
  /**
   * Called after each change with the ranges whose answers may be others now, undefined for all of them; must not
   * throw. Returns the way to stop.
   */
  subscribe(listener: (changed: readonly RangeId[] | undefined) => void): () => void
}

/** A region without a feed: it follows nobody and feeds no learner. */
export const NO_OTHER_REGIONS: OtherRegions = {
  ownerPage: () => undefined,
  standbyPages: () => [],
  ageMs: () => undefined,
  subscribe: () => () => {},
}
