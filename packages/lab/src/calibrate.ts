import type { RttLookup } from '@meridian/tax'
import { MeridianError } from '@meridian/topology'

import { PROBE_PORT } from './front/probe-point.ts'
import { Probe } from './probe.ts'
import { wanHost } from './wan-name.ts'

export interface CalibrationRow {
  readonly source: string
  readonly target: string
  /** Round trip the link was set to, whole ms. */
  readonly nominalMs: number
  /** Smallest of the samples, ms; below `nominalMs` never, because delays are only ever exceeded. */
  readonly minMs: number
  /** Median of the samples, ms. */
  readonly measuredMs: number
  /** With fewer than 100 samples this is the largest one. */
  readonly p99Ms: number
  readonly withinBound: boolean
  /** How often the pair was measured until it was within the bound; the row is of the last time. */
  readonly attempts: number
}

export interface Calibration {
  /** One per ordered pair, in the order of the regions. */
  readonly rows: readonly CalibrationRow[]
  /** Whether every row is within the bound; a world whose links are not must not be measured. */
  readonly ok: boolean
}

export interface CalibrateOptions {
  readonly regions: readonly string[]
  readonly egressPort: (region: string) => number
  readonly nominalRttMs: RttLookup
  /** Samples per ordered pair after one that warms up. Default 15. */
  readonly samples?: number
}

const SAMPLES_DEFAULT = 15
/** A busy moment of the machine is not a wrong link: a pair out of bound is measured again, so often in all. */
const ATTEMPTS_MAX = 3
/** About the size of a Raft append of one small entry. */
const MESSAGE_BYTES = 128
const SAMPLE_MS_MAX = 10_000

/** The most by which a link may differ from what it was set to, ms. */
export const calibrationBoundMs = (nominalMs: number): number => 2 + 0.02 * nominalMs

/**
 * Measures every ordered pair through the chain that everything else uses, all pairs at once: each sends one small message
 * per round trip, so they do not disturb each other by more than the chain's own overhead.
 *
 * @throws MeridianError CALIBRATION_FAILED when a pair does not answer at all; a pair that is merely off is a row.
 */
export async function calibrate(options: CalibrateOptions): Promise<Calibration> {
  const pairs = options.regions.flatMap((source) =>
    options.regions.filter((target) => target !== source).map((target) => ({ source, target })),
  )
  const rows = await Promise.all(pairs.map((pair) => calibratePair(pair.source, pair.target, options)))
  return { rows, ok: rows.every((row) => row.withinBound) }
}

async function calibratePair(source: string, target: string, options: CalibrateOptions): Promise<CalibrationRow> {
  const unanswered = (cause?: unknown): MeridianError =>
    new MeridianError('CALIBRATION_FAILED', `no echo from ${target} to ${source} within ${SAMPLE_MS_MAX} ms`, { cause })
  const address = { egressPort: options.egressPort(source), host: `echo.${wanHost(target)}`, port: PROBE_PORT }
  using probe = await Probe.open({ ...address, timeoutMs: SAMPLE_MS_MAX }).catch((cause: unknown) => {
    throw unanswered(cause)
  })
  const message = Buffer.alloc(MESSAGE_BYTES, '.')
  const nominalMs = options.nominalRttMs(source, target)
  for (let attempts = 1; ; attempts++) {
    const samplesMs: number[] = []
    for (let sample = 0; sample <= (options.samples ?? SAMPLES_DEFAULT); sample++) {
      const tookMs = await probe.roundTripMs(message, SAMPLE_MS_MAX)
      if (tookMs === undefined) throw unanswered()
      if (sample > 0) samplesMs.push(tookMs)
    }
    const measuredMs = quantile(samplesMs, 0.5)
    const withinBound = Math.abs(measuredMs - nominalMs) <= calibrationBoundMs(nominalMs)
    const [minMs, p99Ms] = [Math.min(...samplesMs), quantile(samplesMs, 0.99)]
    if (withinBound || attempts === ATTEMPTS_MAX) {
      return { source, target, nominalMs, minMs, measuredMs, p99Ms, withinBound, attempts }
    }
  }
}

/** The smallest sample that at least `share` of them do not exceed. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('assertion: quantile of no samples')
  return value
}

/**
 * Round trips as measured, for floors to compare measurements with. The two rows of a pair are of one pair of delays and
 * differ by noise only, so their mean stands for both.
 */
export function calibratedRttMs(calibration: Calibration): RttLookup {
  const measured = (a: string, b: string): number | undefined =>
    calibration.rows.find((row) => row.source === a && row.target === b)?.measuredMs
  return (a, b) => {
    if (a === b) return 0
    const [there, back] = [measured(a, b), measured(b, a)]
    if (there === undefined || back === undefined)
      throw new MeridianError('REGION_UNKNOWN', `${a} and ${b} were not calibrated`)
    return (there + back) / 2
  }
}
