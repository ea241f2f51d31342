import type { Clock } from '@meridian/loop'
import { distributionOf } from '../distribution.ts'
import type { Distribution } from '../distribution.ts'

/** One kind of operation, sent again and again; each call does its own work and does not wait for the one before. */
export interface Slot {
  readonly name: string
  readonly send: (signal: AbortSignal) => Promise<void>
}

export interface OpenLoopOptions {
  /** One round sends each of them once, in this order, each round beginning one later than the round before. */
  readonly slots: readonly Slot[]
  readonly rounds: number
  /** Mean time from one send to the next, ms, over all slots. */
  readonly periodMs: number
  readonly clock: Clock
  /** Uniform in [0, 1); keeps sends from locking to the round trips of those before. */
  readonly random: () => number
  readonly signal: AbortSignal
}

export interface SlotSamples {
  readonly latenciesMs: readonly number[]
  /** When each that succeeded was answered, on the clock of the run. */
  readonly completionsMs: readonly number[]
  readonly failures: readonly string[]
}

export interface SlotFigures extends Distribution {
  /** Longest time between two answers, ms; undisturbed it is about as long as a round. */
  readonly largestGapMs: number
}

/** Operations under way at once; one more is not sent and counts as failed. */
export const IN_FLIGHT_MAX = 512

/** A timer of Node fires up to so much late, ms. That is the driver's clock and no stall, so it is charged to nobody. */
const TIMER_SLACK_MS = 2

/**
 * Sends at times fixed beforehand, whether or not earlier operations have been answered, and counts from those times: an
 * operation that a stall kept from being sent is charged with the stall.
 *
 * @throws the signal's reason, after everything that was under way has ended
 */
export async function openLoop(options: OpenLoopOptions): Promise<ReadonlyMap<string, SlotSamples>> {
  const { slots, rounds, periodMs, clock, random, signal } = options
  const collected = slots.map(({ name }) => ({
    name,
    latenciesMs: [] as number[],
    completionsMs: [] as number[],
    failures: [] as string[],
  }))
  const underWay = new Set<Promise<void>>()
  const beginMs = clock.nowMs()
  try {
    for (let turn = 0; turn < rounds * slots.length; turn += 1) {
      const index = slotOfTurn(turn, slots.length)
      const [slot, samples] = [slots[index], collected[index]]
      if (slot === undefined || samples === undefined) throw new Error('assertion: a turn without a slot')
      const intendedMs = beginMs + (turn + 0.8 * random()) * periodMs
      const waitMs = intendedMs - clock.nowMs()
      if (waitMs > 0) await clock.sleep(waitMs, signal)
      signal.throwIfAborted()
      if (underWay.size >= IN_FLIGHT_MAX) {
        samples.failures.push(`not sent: ${IN_FLIGHT_MAX} were under way`)
        continue
      }
      const sentMs = clock.nowMs()
      const countedMs = countedFromMs(intendedMs, sentMs)
      const work = slot.send(signal).then(
        () => {
          const doneMs = clock.nowMs()
          samples.latenciesMs.push(doneMs - countedMs)
          samples.completionsMs.push(doneMs)
        },
        (error: unknown) => {
          samples.failures.push(error instanceof Error ? error.message : String(error))
        },
      )
      underWay.add(work)
      void work.then(() => underWay.delete(work))
    }
  } finally {
    await Promise.all(underWay)
  }
  signal.throwIfAborted()
  return new Map(collected.map(({ name, ...samples }) => [name, samples]))
}

/** From when on an operation counts: from when it was due, unless no more than a timer was late. */
export const countedFromMs = (intendedMs: number, sentMs: number): number =>
  sentMs - intendedMs <= TIMER_SLACK_MS ? sentMs : intendedMs

/** A B C, B C A, C A B, A B C: no slot always follows the same neighbour's send at a round's end. */
export const slotOfTurn = (turn: number, slots: number): number => (turn + Math.floor(turn / slots)) % slots

/** @returns undefined when nothing succeeded */
export function slotFigures(samples: SlotSamples): SlotFigures | undefined {
  if (samples.latenciesMs.length === 0) return undefined
  return { ...distributionOf(samples.latenciesMs), largestGapMs: largestGapMs(samples.completionsMs) }
}

/** Between consecutive answers, whatever the order in which they were sent; 0 with fewer than two. */
export function largestGapMs(completionsMs: readonly number[]): number {
  const sorted = completionsMs.toSorted((a, b) => a - b)
  return sorted.reduce((largest, at, index) => Math.max(largest, at - (sorted[index - 1] ?? at)), 0)
}
