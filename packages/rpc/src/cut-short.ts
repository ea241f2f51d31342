import { MeridianError } from '@meridian/topology'

/** What a handler that is cut short throws on: its work may have had its effect, so no caller may be told otherwise. */
export const cutShort = (why: string) =>
  new MeridianError('OUTCOME_UNKNOWN', `${why}; the call may have had its effect`)

/**
 * Aborts when a caller gave up or the server will not wait for the call any longer. By hand, because it is made for each
 * call: a composed signal, and a reason with its stack that is hardly ever read, took as long as decoding the request.
 */
export class CutShort implements Disposable {
  readonly #controller = new AbortController()
  readonly #closing: AbortSignal
  readonly #onClosing = (): void => this.#controller.abort(this.#closing.reason)

  constructor(
    call: { on(event: 'cancelled', listener: () => void): unknown; readonly cancelled: boolean },
    closing: AbortSignal,
  ) {
    this.#closing = closing
    const giveUp = (): void => this.#controller.abort(cutShort('the caller gave up'))
    if (call.cancelled) giveUp()
    call.on('cancelled', giveUp)
    if (closing.aborted) this.#onClosing()
    else closing.addEventListener('abort', this.#onClosing, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    this.#closing.removeEventListener('abort', this.#onClosing)
  }
}
