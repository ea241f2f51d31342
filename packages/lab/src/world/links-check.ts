import { MeridianError } from '@meridian/topology'

import { calibrationBoundMs } from '../calibrate.ts'
import type { Calibration } from '../calibrate.ts'
import type { CanaryReport } from '../canary.ts'
import type { Lab } from '../lab.ts'
import { canaryRounds } from './canary-rounds.ts'

/** The machine may have been busy: a calibration out of bounds is tried again, so often in all. */
const CALIBRATIONS_MAX = 3

/**
 * Measures the links until they are what the matrix says. A machine that stays busy moves every median and no link: then
 * the luckiest round trip of each pair has to be within the bound, and the calibration that comes back is not `ok`.
 *
 * @throws MeridianError CALIBRATION_FAILED naming the pairs that are not.
 */
export async function calibrated(
  lab: Lab,
  options: { readonly samples?: number; readonly signal: AbortSignal; readonly note: (text: string) => void },
): Promise<Calibration> {
  for (let attempt = 1; ; attempt++) {
    const calibration = await interruptible(
      lab.calibrate(options.samples === undefined ? {} : { samples: options.samples }),
      options.signal,
    )
    if (calibration.ok) return calibration
    const wrong = calibration.rows
      .filter((row) => !row.withinBound)
      .map(({ source, target, nominalMs, measuredMs }) => {
        const boundMs = calibrationBoundMs(nominalMs).toFixed(1)
        return `${source} to ${target}: set ${nominalMs} ms, measured ${measuredMs.toFixed(1)} ms, bound ${boundMs} ms`
      })
    if (attempt === CALIBRATIONS_MAX) {
      if (calibration.rows.every(({ nominalMs, minMs }) => minMs - nominalMs <= calibrationBoundMs(nominalMs))) {
        options.note(`the links are as they were set, the machine is busy: ${wrong.join('; ')}`)
        return calibration
      }
      throw new MeridianError(
        'CALIBRATION_FAILED',
        `the links are not what they were set to, ${attempt} times in a row; is the machine busy?\n${wrong.join('\n')}`,
      )
    }
    options.note(`calibration ${attempt} of at most ${CALIBRATIONS_MAX} was out of bounds: ${wrong.join('; ')}`)
  }
}

/**
 * Cuts every pair once and proves that nothing crosses.
 *
 * @throws MeridianError LINK_LEAK naming what crossed, or that a pair did not heal.
 */
export async function canaries(
  lab: Lab,
  options: { readonly signal: AbortSignal; readonly report: (report: CanaryReport) => void },
): Promise<CanaryReport[]> {
  const reports: CanaryReport[] = []
  for (const round of canaryRounds(lab.regions)) {
    const done = await interruptible(Promise.all(round.map(([a, b]) => lab.canary(a, b))), options.signal)
    for (const report of done) options.report(report)
    const bad = done.filter((report) => !report.ok)
    if (bad.length > 0) {
      const lines = bad.map(({ a, b, leaks, healed }) =>
        [`${a} - ${b}`, ...leaks, ...(healed ? [] : ['nothing crosses after the heal'])].join(': '),
      )
      throw new MeridianError('LINK_LEAK', `a cut does not hold, or does not heal\n${lines.join('\n')}`)
    }
    reports.push(...done)
  }
  return reports
}

/**
 * `work`, given up when `signal` aborts: whoever catches that disposes of the lab, on which the abandoned work then fails.
 *
 * @throws MeridianError INTERRUPTED.
 */
export async function interruptible<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new MeridianError('INTERRUPTED', 'interrupted while the world was starting'))
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  // Abandoned work may fail when nobody listens any more.
  work.catch(() => {})
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
