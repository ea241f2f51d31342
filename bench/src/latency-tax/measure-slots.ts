import type { Clock } from '@meridian/loop'
import { closedLoop } from './closed-loop.ts'
import { openLoop } from './open-loop.ts'
import type { Slot, SlotSamples } from './open-loop.ts'

/**
 * - `commits`: open loop;
 * - `reads`: linearizable ones, closed loop: a member of etcd has one confirmation by the leader under way at a time, so
 *   reads that overlap wait for each other and would show twice the floor;
 * - `near`: what takes about a millisecond, closed loop.
 */
export type SlotGroup = 'commits' | 'reads' | 'near'

export interface GroupedSlot extends Slot {
  readonly group: SlotGroup
}

export interface SamplingOptions {
  readonly slots: readonly GroupedSlot[]
  /** Of commits and what is near; of linearizable reads a sixth, because each takes its round trips alone. */
  readonly samples: number
  /** Of the open loop. */
  readonly periodMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
}

export const readSamples = (samples: number): number => Math.max(1, Math.ceil(samples / 6))

/** Group after group, never two at once. */
export async function measureSlots(options: SamplingOptions): Promise<ReadonlyMap<string, SlotSamples>> {
  const { samples, periodMs, clock, random, signal } = options
  const of = (group: SlotGroup) => options.slots.filter((slot) => slot.group === group)
  const open = of('commits')
  const commits = await openLoop({ slots: open, rounds: samples, periodMs, clock, random, signal })
  const reads = await closedLoop({ slots: of('reads'), rounds: readSamples(samples), clock, signal })
  const near = await closedLoop({ slots: of('near'), rounds: samples, clock, signal })
  return new Map([...commits, ...reads, ...near])
}
