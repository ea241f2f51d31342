import type { RegionId } from '@meridian/topology'

/**
 * How far a region may go on without its lease, on promises of every region that could take its ranges, its own among
 * them. Pure: every question brings its own sample of the clock. Times are of the holder's monotonic clock, ms.
 */
export interface StandstillState {
  /** Until when the newest renewal vouches; minus infinity when none does. */
  readonly leaseUntilMs: number
  /** By region, until when its promise runs, counted from before it was asked. */
  readonly promises: ReadonlyMap<RegionId, number>
  /** Every region that anybody who promised knows of. */
  readonly members: ReadonlySet<RegionId>
  /** Until when all promises together vouch; minus infinity when they do not. */
  readonly untilMs: number
}

export type StandstillEvent =
  /** A renewal was committed: the lease vouches again, and promises are not needed. */
  | { readonly kind: 'renewed'; readonly untilMs: number }
  /** The authority is gone, or the clocks are doubtful. */
  | { readonly kind: 'revoked' }
  | {
      readonly kind: 'promised'
      readonly region: RegionId
      /** Sampled before the question was sent. */
      readonly sentMs: number
      readonly nowMs: number
      readonly promiseMs: number
      /** Regions that the one who promised knows of, and those that the holder knows of. */
      readonly members: readonly RegionId[]
    }

const NEVER = Number.NEGATIVE_INFINITY

export const initialStandstill: StandstillState = {
  leaseUntilMs: NEVER,
  promises: new Map(),
  members: new Set(),
  untilMs: NEVER,
}

export function step(state: StandstillState, event: StandstillEvent): StandstillState {
  switch (event.kind) {
    case 'renewed':
      return { ...initialStandstill, leaseUntilMs: event.untilMs }
    case 'revoked':
      return initialStandstill
    case 'promised': {
      const { region, sentMs, nowMs, promiseMs } = event
      const members = new Set([...state.members, ...event.members])
      const promises = new Map(state.promises)
      promises.set(region, Math.max(promises.get(region) ?? NEVER, sentMs + promiseMs))
      const next = { ...state, members, promises }
      // Without a gap: had lease and promises run out before, somebody may have taken ranges and given a promise since.
      if (nowMs >= Math.max(state.leaseUntilMs, state.untilMs)) return next
      const untilMs = Math.min(...[...members].map((member) => promises.get(member) ?? NEVER))
      return { ...next, untilMs: Math.max(state.untilMs, untilMs) }
    }
  }
}
