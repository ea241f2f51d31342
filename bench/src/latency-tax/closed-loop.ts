import type { Clock } from '@meridian/loop'
import type { Slot, SlotSamples } from './open-loop.ts'

export interface ClosedLoopOptions {
  readonly slots: readonly Slot[]
  readonly rounds: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * One operation after the other, each kind in turn: the cost of a single one when nothing else is under way.
 *
 * NOT measured: what a stall would have cost those who would have come during it. A closed loop waits the stall out and
 * counts it once, so its tail says little about a load (coordinated omission).
 */
export async function closedLoop(options: ClosedLoopOptions): Promise<ReadonlyMap<string, SlotSamples>> {
  const { slots, rounds, clock, signal } = options
  const collected = slots.map((slot) => ({
    slot,
    latenciesMs: [] as number[],
    completionsMs: [] as number[],
    failures: [] as string[],
  }))
  for (let round = 0; round < rounds; round += 1) {
    for (const { slot, latenciesMs, completionsMs, failures } of collected) {
      signal.throwIfAborted()
      const sentMs = clock.nowMs()
      try {
        await slot.send(signal)
        latenciesMs.push(clock.nowMs() - sentMs)
        completionsMs.push(clock.nowMs())
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error))
      }
    }
  }
  signal.throwIfAborted()
  return new Map(collected.map(({ slot, ...samples }) => [slot.name, samples]))
}
