import { MeridianError } from '@meridian/topology'

/**
 * Aborts at the first SIGINT or SIGTERM; a second one ends the process at once, for whoever does not want to wait for
 * the drain. Disposing takes the handlers off again.
 */
export function shutdownSignal(): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const ask = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143)
    controller.abort(new MeridianError('INTERRUPTED', `asked to stop by ${name}`))
  }
  process.on('SIGINT', ask)
  process.on('SIGTERM', ask)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', ask)
      process.off('SIGTERM', ask)
    },
  }
}

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
