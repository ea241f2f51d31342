import type { Operation } from '@meridian/protocol'
import { isFree } from './print/planned.ts'
import type { Planned } from './print/planned.ts'

/** A transfer on its way. */
export interface Flight {
  readonly planned: Planned
  /** Undefined while it is being begun. */
  readonly operation: string | undefined
  readonly phase: string
  readonly note: string
}

/** A range that is where it should be. */
export interface Arrival {
  readonly planned: Planned
  readonly target: string
  /** Undefined for a vacant range, which is assigned. */
  readonly operation: string | undefined
}

/** A range that stays where it was, and why. */
export interface Remainder {
  readonly planned: Planned
  readonly reason: string
}

/** Many ranges on their way at once, never more than so many: state of a pure machine. */
export interface FleetState {
  readonly concurrency: number
  readonly waiting: readonly Planned[]
  /** By range id. */
  readonly flying: ReadonlyMap<number, Flight>
  readonly moved: readonly Arrival[]
  readonly left: readonly Remainder[]
}

export type FleetEvent =
  /** The server took the order, or knew the operation already. */
  | { readonly kind: 'begun'; readonly rangeId: number; readonly operation: string; readonly phase: string }
  /** A vacant range has its new owner. */
  | { readonly kind: 'assigned'; readonly rangeId: number; readonly target: string }
  /** Another transfer of the range is under way: that one is followed. */
  | { readonly kind: 'under-way'; readonly rangeId: number; readonly operation: string }
  | { readonly kind: 'refused'; readonly rangeId: number; readonly reason: string }
  | { readonly kind: 'seen'; readonly rangeId: number; readonly operation: Operation }
  /** Nobody remembers the operation. */
  | { readonly kind: 'forgotten'; readonly rangeId: number }

export type FleetEffect =
  | { readonly kind: 'transfer'; readonly planned: Planned; readonly target: string }
  | { readonly kind: 'assign'; readonly planned: Planned; readonly target: string }

export type FleetStep = readonly [FleetState, readonly FleetEffect[]]

/**
 * The beginning: what is on its way already is followed, whoever began it; what has nowhere to go, or something in its
 * way, is left; the rest waits in the order given.
 */
export function beginFleet(plan: readonly Planned[], concurrency: number): FleetStep {
  const flying = new Map<number, Flight>()
  const waiting: Planned[] = []
  const left: Remainder[] = []
  for (const planned of plan) {
    const { range, obstacles } = planned
    if (range.status === 'moving' || range.status === 'frozen') {
      flying.set(range.rangeId, { planned, operation: range.operation, phase: range.status, note: '' })
    } else if (isFree(planned)) waiting.push(planned)
    else left.push({ planned, reason: obstacles.join('; ') || 'there is nowhere to go' })
  }
  return launch({ concurrency, waiting, flying, moved: [], left })
}

/** Events about ranges that are not flying change nothing: they are late. */
export function stepFleet(state: FleetState, event: FleetEvent): FleetStep {
  const flight = state.flying.get(event.rangeId)
  if (flight === undefined) return [state, []]
  const { planned } = flight
  switch (event.kind) {
    case 'begun':
      return [fly(state, { ...flight, operation: event.operation, phase: event.phase }), []]
    case 'under-way':
      return [fly(state, { ...flight, operation: event.operation }), []]
    case 'assigned':
      return land(state, planned, { target: event.target, operation: undefined })
    case 'refused':
      return land(state, planned, event.reason)
    case 'forgotten':
      return land(state, planned, `operation ${flight.operation ?? ''} is not remembered: look at the range`)
    case 'seen': {
      const { operation, phase, note, target, ended } = event.operation
      if (operation !== flight.operation) return [state, []]
      if (!ended) return [fly(state, { ...flight, phase, note }), []]
      return land(state, planned, phase === 'done' ? { target, operation } : note || `the transfer ended: ${phase}`)
    }
  }
}

export const fleetIsDone = ({ waiting, flying }: FleetState): boolean => waiting.length === 0 && flying.size === 0

function fly(state: FleetState, flight: Flight): FleetState {
  return { ...state, flying: new Map(state.flying).set(flight.planned.range.rangeId, flight) }
}

function land(state: FleetState, planned: Planned, end: string | Omit<Arrival, 'planned'>): FleetStep {
  const flying = new Map(state.flying)
  flying.delete(planned.range.rangeId)
  return launch(
    typeof end === 'string'
      ? { ...state, flying, left: [...state.left, { planned, reason: end }] }
      : { ...state, flying, moved: [...state.moved, { planned, ...end }] },
  )
}

function launch(state: FleetState): FleetStep {
  const room = Math.max(0, state.concurrency - state.flying.size)
  const chosen = state.waiting.slice(0, room)
  const flying = new Map(state.flying)
  const effects: FleetEffect[] = []
  for (const planned of chosen) {
    const { range, target } = planned
    if (target === undefined) throw new Error(`assertion: range ${range.rangeId} waits without a target`)
    flying.set(range.rangeId, { planned, operation: undefined, phase: 'begin', note: '' })
    effects.push({ kind: range.status === 'vacant' ? 'assign' : 'transfer', planned, target })
  }
  return [{ ...state, flying, waiting: state.waiting.slice(chosen.length) }, effects]
}
