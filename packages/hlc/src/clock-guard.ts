/** The progress of any two clocks of one machine may differ by this much within the window. */
export const CLOCK_DISAGREEMENT_MS_MAX = 250

/** Samples are compared with those of at least this far back. */
export const CLOCK_WINDOW_MS = 2_000

/**
 * Over a gap in the samples that is longer than the window, clocks may drift apart by this share of what it exceeds the
 * window by: twice what NTP slews at most. Without it a process stopped for an hour would wake up suspect for nothing.
 */
export const CLOCK_RATE_ALLOWANCE = 0.001

/** Samples remembered, should somebody take them more often than every 100 ms. */
const SAMPLES_MAX = 64

/** All clocks of the machine, read as nearly at once as a process can. */
export type ClockSample = {
  /** Since the Unix epoch; may be set, in both directions. */
  readonly wallMs: number
  /** Does not count time that the machine was suspended for. */
  readonly monotonicMs: number
  /** Counts suspended time too. Undefined where the system has no such clock. */
  readonly bootMs: number | undefined
}

export type ClockName = 'wall' | 'monotonic' | 'boot'

export type ClockDisagreement = {
  /** The two clocks that differ most. */
  readonly pair: readonly [ClockName, ClockName]
  /** How much further the first of the pair went than the second; negative when it fell behind. */
  readonly byMs: number
}

export type ClockSuspect = ClockDisagreement & {
  readonly kind: 'suspect'
  /** Disagreements so far, this one included: what was asked before the newest of them proves nothing. */
  readonly jumps: number
}

export type ClockVerdict = { readonly kind: 'quiet' } | ClockSuspect

export type ClockGuard = {
  /** From oldest to newest, all since the newest jump; the oldest lies at least a window back, if there are as many. */
  readonly window: readonly ClockSample[]
  readonly jumps: number
  readonly verdict: ClockVerdict
}

const QUIET: ClockVerdict = { kind: 'quiet' }

export const CLOCK_GUARD_START: ClockGuard = { window: [], jumps: 0, verdict: QUIET }

/**
 * Takes one sample in. The verdict, once suspect, stays so until `cleared`, and names the newest jump. A jump is counted
 * once: after it, clocks are compared from there on.
 *
 * A gap between samples is no disagreement by itself: a stopped process finds all its clocks moved alike. Not noticed:
 * clocks that drift apart by less than 250 ms per window, and all clocks frozen or running wrong together.
 */
export function step(state: ClockGuard, sample: ClockSample): readonly [ClockGuard, ClockVerdict] {
  const found = disagreement(state.window, sample)
  if (found === undefined) return [{ ...state, window: moved(state.window, sample) }, state.verdict]
  const jumps = state.jumps + 1
  const verdict: ClockVerdict = { kind: 'suspect', ...found, jumps }
  return [{ window: [sample], jumps, verdict }, verdict]
}

/**
 * The owner has proven itself anew, with something sent after jump number `jumps` and answered through consensus. After
 * a later jump that proof is worth nothing, and the state stays as it is.
 */
export function cleared(state: ClockGuard, jumps: number): ClockGuard {
  return jumps === state.jumps ? { ...state, verdict: QUIET } : state
}

/** The worst disagreement between the sample and any one in the window, if there is one. */
export function disagreement(window: readonly ClockSample[], sample: ClockSample): ClockDisagreement | undefined {
  if (!Number.isFinite(sample.wallMs) || !Number.isFinite(sample.monotonicMs)) {
    throw new RangeError(`clocks that show no time: wall ${sample.wallMs}, monotonic ${sample.monotonicMs}`)
  }
  let worst: ClockDisagreement | undefined
  const compare = (first: ClockName, second: ClockName, firstMs: number, secondMs: number): void => {
    const byMs = firstMs - secondMs
    if (Math.abs(byMs) <= allowedMs(Math.min(firstMs, secondMs))) return
    if (worst === undefined || Math.abs(byMs) > Math.abs(worst.byMs)) worst = { pair: [first, second], byMs }
  }
  for (const before of window) {
    const wallMs = sample.wallMs - before.wallMs
    const monotonicMs = sample.monotonicMs - before.monotonicMs
    compare('wall', 'monotonic', wallMs, monotonicMs)
    if (sample.bootMs === undefined || before.bootMs === undefined) continue
    const bootMs = sample.bootMs - before.bootMs
    compare('boot', 'monotonic', bootMs, monotonicMs)
    compare('wall', 'boot', wallMs, bootMs)
  }
  return worst
}

function allowedMs(progressMs: number): number {
  return CLOCK_DISAGREEMENT_MS_MAX + Math.max(0, progressMs - CLOCK_WINDOW_MS) * CLOCK_RATE_ALLOWANCE
}

/** The window with the sample, without those that a younger one at least a window old makes superfluous. */
function moved(window: readonly ClockSample[], sample: ClockSample): readonly ClockSample[] {
  let superfluous = Math.max(0, window.length + 1 - SAMPLES_MAX)
  for (let next = window[superfluous + 1]; next !== undefined; next = window[superfluous + 1]) {
    if (ageMs(next, sample) < CLOCK_WINDOW_MS) break
    superfluous += 1
  }
  return [...window.slice(superfluous), sample]
}

function ageMs(before: ClockSample, sample: ClockSample): number {
  return Math.max(sample.wallMs - before.wallMs, sample.monotonicMs - before.monotonicMs)
}
