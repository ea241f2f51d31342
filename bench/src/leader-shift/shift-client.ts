import type { WorldRegion } from '@meridian/lab'

export interface ExplainedLeader {
  readonly leader: string
  readonly decision: string
  readonly reason: string
  /** What a commit would take, ms, by leader and client: its floor and the surplus; undefined while that is not known. */
  readonly expectedMs: (leader: string, client: string) => number | undefined
}

/** Somebody in one region who uses our API; the roof makes it, because what speaks to the API lies above this package. */
export interface ShiftClient extends AsyncDisposable {
  /** Makes vacant ranges nobody serves; once, by any of the clients. */
  prepare(signal: AbortSignal): Promise<void>
  /** Gives a vacant range, each time another one, to another region: one global commit. */
  assign(signal: AbortSignal): Promise<void>
  /** What `meridian leader explain` answers. */
  explain(signal: AbortSignal): Promise<ExplainedLeader>
}

export type OpenShiftClient = (region: WorldRegion, regions: readonly WorldRegion[]) => ShiftClient
