import { calibratedRttMs } from '@meridian/lab'
import type { Calibration } from '@meridian/lab'
import type { Clock } from '@meridian/loop'
import { quorumWithoutMs } from '@meridian/tax'
import type { RttLookup } from '@meridian/tax'
import type { MeasuredCell } from './cell-lines.ts'
import { withLoopDelay } from './loop-delay.ts'
import { measureSlots } from './measure-slots.ts'
import type { GroupedSlot } from './measure-slots.ts'
import type { SlotSamples } from './open-loop.ts'
import { linksOfCell, rejectionOf } from './rejection.ts'
import type { LeaderView } from './rejection.ts'

export interface CellPlan {
  readonly topology: string
  readonly regions: readonly string[]
  readonly leaderRegion: string
  readonly clientRegion: string
  /** Voters that are dead while this is measured. */
  readonly down: readonly string[]
  readonly slots: readonly GroupedSlot[]
}

export interface CellMeans {
  readonly samples: number
  readonly periodMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly leader: (signal: AbortSignal) => Promise<LeaderView>
  readonly calibrate: () => Promise<Calibration>
  /** Median of the disk that the clusters write to. */
  readonly fsyncMs: number
}

/**
 * One place of the leader and one client region. @param before the calibration that was taken last
 * @returns the cell, and the calibration taken after it
 */
export async function measureCell(
  plan: CellPlan,
  means: CellMeans,
  before: Calibration,
): Promise<{ readonly cell: MeasuredCell; readonly after: Calibration }> {
  const { topology, regions, leaderRegion, clientRegion, down, slots } = plan
  const { samples: count, periodMs, clock, random, signal } = means
  // Connections, and the leader's streams to its followers, are made before anything counts.
  for (const slot of slots) await slot.send(signal)
  const leaderBefore = await means.leader(signal)
  const { result: samples, loopDelayP99Ms } = await withLoopDelay(() =>
    measureSlots({ slots, samples: count, periodMs, clock, random, signal }),
  )
  const leaderAfter = await means.leader(signal)
  const after = await means.calibrate()
  const [rttBefore, rttAfter] = [calibratedRttMs(before), calibratedRttMs(after)]
  const rtt: RttLookup = (a, b) => (rttBefore(a, b) + rttAfter(a, b)) / 2
  const quorumMs = quorumWithoutMs(down, leaderRegion, regions, rtt)
  if (quorumMs === undefined) throw new Error('assertion: a cell in which nothing can commit')
  const wayMs = rtt(clientRegion, leaderRegion)
  const floorReason = `${wayMs.toFixed(1)} ms to the leader and back + ${quorumMs.toFixed(1)} ms from it to its majority`
  const rejected = rejectionOf({
    links: linksOfCell(
      leaderRegion,
      regions.filter((region) => !down.includes(region)),
    ),
    rttBefore,
    rttAfter,
    leaderBefore,
    leaderAfter,
    loopDelayP99Ms,
    failures: failuresOf(samples),
  })
  const floorMs = wayMs + quorumMs
  const { fsyncMs } = means
  return { cell: { topology, leaderRegion, clientRegion, floorMs, floorReason, fsyncMs, samples, rejected }, after }
}

const failuresOf = (samples: ReadonlyMap<string, SlotSamples>) =>
  [...samples].flatMap(([name, { failures }]) => {
    const [first] = failures
    return first === undefined ? [] : [{ name, count: failures.length, first }]
  })
