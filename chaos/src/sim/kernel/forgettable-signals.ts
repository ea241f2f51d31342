/**
 * Replaces `AbortSignal.any` while a world runs. Node keeps every combined signal that somebody listens to for as long as
 * the process lives, unless it aborts or is listened to no more; a world that is dropped, with processes killed in the
 * middle of what they did, leaves thousands of them, and each keeps the whole world: 30 MB for each seed.
 *
 * What takes its place is forgotten with the signals it combines. The price: it is not forgotten before them.
 */
export function forgettableSignals(): Disposable {
  worlds += 1
  AbortSignal.any = any
  return {
    [Symbol.dispose]: () => {
      worlds -= 1
      if (worlds === 0) AbortSignal.any = NATIVE
    },
  }
}

const NATIVE = AbortSignal.any.bind(AbortSignal)
let worlds = 0

function any(signals: Iterable<AbortSignal>): AbortSignal {
  const combined = new AbortController()
  for (const signal of signals) {
    if (signal.aborted) {
      combined.abort(signal.reason)
      return combined.signal
    }
  }
  for (const signal of signals) signal.addEventListener('abort', () => combined.abort(signal.reason))
  return combined.signal
}
