import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { DEFAULT_CONSTANTS } from '../history/run-event.ts'
import type { Constants, FaultName, FaultOnEvent } from '../history/run-event.ts'

/** Those the run was made with. */
export function constantsOf(history: readonly HistoryEvent[]): Constants {
  return { ...DEFAULT_CONSTANTS, ...eventsOf(history, 'run').at(-1)?.constants }
}

/** Whether `t` says when things happened, also of what a witness was told later. */
export function isExact(history: readonly HistoryEvent[]): boolean {
  return eventsOf(history, 'run').at(-1)?.exact === true
}

/** How long a taker waits for a holder who counts `leaseMs` from sending: W = L (1+d)/(1-d) + e. */
export function waitMs(leaseMs: number, { rate, allowanceMs }: Constants): number {
  return (leaseMs * (1 + rate)) / (1 - rate) + allowanceMs
}

export const NS_PER_MS = 1e6

/** One fault from when it took effect to when it had ended, nanoseconds. */
export interface FaultInterval {
  readonly id: string
  readonly fault: FaultName
  readonly target: string
  readonly from: number
  /** Infinity: it never ended. */
  readonly to: number
  readonly params: FaultOnEvent['params']
}

export function faultsOf(history: readonly HistoryEvent[]): readonly FaultInterval[] {
  const ends = new Map(eventsOf(history, 'fault.off').map((off) => [off.id, off.t]))
  return eventsOf(history, 'fault.on').map(({ id, fault, target, params, t }) => ({
    id,
    fault,
    target,
    from: t,
    to: ends.get(id) ?? Infinity,
    params,
  }))
}

/**
 * Whether the clock that `node` counts its leases on may have stood still at or before `t`. What it granted itself by a
 * clock that stood still lives on until it renews, so a freeze weighs for a lease longer than it lasts.
 */
export function frozen(history: readonly HistoryEvent[]): (node: string, t: number) => boolean {
  const freezes = faultsOf(history).filter(({ fault }) => fault === 'clock-freeze')
  const { regionLeaseMs, nodeLeaseMs } = constantsOf(history)
  const afterNs = Math.max(regionLeaseMs, nodeLeaseMs) * NS_PER_MS
  return (node, t) =>
    freezes.some(({ target, from, to }) => target === `node:${node}` && from <= t && t <= to + afterNs)
}
