import type { Calibration } from '@meridian/lab'
import type { CalibratedLink } from '../report/report-input.ts'

export function newestCalibration(calibrations: readonly Calibration[]): Calibration {
  const last = calibrations.at(-1)
  if (last === undefined) throw new Error('assertion: nothing was calibrated')
  return last
}

/** Per ordered pair, the mean of what all calibrations of the run measured. */
export function meanCalibration(calibrations: readonly Calibration[]): readonly CalibratedLink[] {
  return newestCalibration(calibrations).rows.map(({ source, target, nominalMs }, index) => {
    const measured = calibrations.map(({ rows }) => rows[index]?.measuredMs ?? nominalMs)
    const meanMs = measured.reduce((sum, ms) => sum + ms, 0) / measured.length
    return { source, target, nominalMs, measuredMs: Math.round(1000 * meanMs) / 1000 }
  })
}
