import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** What a probe may answer while the awaited thing is not there yet. `0` and `''` count as answers. */
export type NotYet = false | undefined | null

export interface WaitOptions {
  /** Milliseconds until the wait fails. Default 10 000. */
  timeoutMs?: number
  /** Milliseconds between the end of one probe and the start of the next. Default 20. */
  everyMs?: number
  /** Added to the message of a failed wait: logs, member lists, whatever explains it. */
  diagnose?: () => string | Promise<string>
  /** A reason to fail at once, for instance "the process has exited"; asked before every probe. */
  giveUp?: () => string | undefined
}

const DIAGNOSE_TIMEOUT_MS = 2_000

/**
 * Polls until the probe answers, and returns its answer. A probe that throws counts as "not yet".
 * Bounded even if a probe never settles; such a probe is abandoned, not cancelled.
 * Throws an Error that names what was waited for, for how long, the last answer or error, and the diagnostics.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | NotYet | Promise<T | NotYet>,
  options: WaitOptions = {},
): Promise<T> {
  const { timeoutMs = 10_000, everyMs = 20, diagnose, giveUp } = options
  const begun = performance.now()
  let probes = 0
  let last = 'the first probe has not answered'
  let cause: unknown

  const fail = async (why: string): Promise<never> => {
    const waitedMs = Math.round(performance.now() - begun)
    const lines = [`${what}: ${why} after ${waitedMs} ms and ${probes} probes; last: ${last}`]
    if (diagnose) lines.push(await diagnosis(diagnose))
    throw new Error(lines.join('\n'), { cause })
  }

  for (;;) {
    const reason = giveUp?.()
    if (reason !== undefined) return fail(`gave up (${reason})`)
    const leftMs = timeoutMs - (performance.now() - begun)
    if (leftMs <= 0) return fail('timed out')
    probes += 1
    const outcome = await within(leftMs, probe)
    switch (outcome.kind) {
      case 'answered':
        if (outcome.value !== false && outcome.value !== undefined && outcome.value !== null) return outcome.value
        last = String(outcome.value)
        cause = undefined
        break
      case 'threw':
        last =
          outcome.error instanceof Error ? `${outcome.error.name}: ${outcome.error.message}` : String(outcome.error)
        cause = outcome.error
        break
      case 'hung':
        last += ' (and the last probe never settled)'
        return fail('timed out')
    }
    await delay(everyMs)
  }
}

type Outcome<T> = { kind: 'answered'; value: T } | { kind: 'threw'; error: unknown } | { kind: 'hung' }

async function within<T>(limitMs: number, task: () => T | Promise<T>): Promise<Outcome<T>> {
  const timer = new AbortController()
  const settled = (async (): Promise<Outcome<T>> => {
    try {
      return { kind: 'answered', value: await task() }
    } catch (error) {
      return { kind: 'threw', error }
    }
  })()
  const hung = delay<Outcome<T>>(limitMs, { kind: 'hung' }, { signal: timer.signal }).catch(
    // Only the abort below rejects it, and by then the race is decided.
    (): Outcome<T> => ({ kind: 'hung' }),
  )
  try {
    return await Promise.race([settled, hung])
  } finally {
    timer.abort()
  }
}

async function diagnosis(diagnose: () => string | Promise<string>): Promise<string> {
  const outcome = await within(DIAGNOSE_TIMEOUT_MS, diagnose)
  switch (outcome.kind) {
    case 'answered':
      return outcome.value
    case 'threw':
      return `(the diagnosis threw: ${String(outcome.error)})`
    case 'hung':
      return '(the diagnosis did not answer)'
  }
}
