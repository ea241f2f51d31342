import type { WorldRegion } from '@meridian/lab'

/** Somebody in one region who uses our API; the roof makes it, because what speaks to the API lies above this package. */
export interface OwnershipClient extends AsyncDisposable {
  /** Makes vacant ranges nobody serves; once, by any of the clients. */
  prepare(signal: AbortSignal): Promise<void>
  /** Gives a vacant range, each time another one of those prepared, to another region: one global commit. */
  assign(signal: AbortSignal): Promise<void>
  /** Tells the product where the global leader is wanted, or its own placement would move the leader under a cell. */
  pinLeader(region: string, signal: AbortSignal): Promise<void>
  /** @param local from what the region's server has applied, else with a round trip through the global tier */
  lookup(local: boolean, signal: AbortSignal): Promise<void>
}

export type OpenOwnershipClient = (region: WorldRegion, regions: readonly WorldRegion[]) => OwnershipClient
