import type { Clock } from './clock.ts'

/** Runs `call` with a signal that aborts after `limitMs` or with `parent`; the call decides what an abort means. */
export async function withTimeLimit<T>(
  clock: Clock,
  limitMs: number,
  call: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  const late = new AbortController()
  const done = new AbortController()
  const timer = clock.sleep(limitMs, done.signal).then(
    () => late.abort(new Error(`no answer in ${Math.round(limitMs)} ms`)),
    () => {}, // done first
  )
  try {
    return await call(parent === undefined ? late.signal : AbortSignal.any([parent, late.signal]))
  } finally {
    done.abort(new Error('done'))
    await timer
  }
}
