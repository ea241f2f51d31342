import { MeridianError } from '@meridian/topology'

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
export type InterruptName = keyof typeof SIGNALS

/** Exit code of a program that a signal ended, as shells count it. */
export const exitOfSignal = (name: InterruptName): number => 128 + SIGNALS[name]

/** What signals are heard on; `process` is one. */
export interface SignalSource {
  on(name: string, listener: (name: NodeJS.Signals) => void): unknown
  off(name: string, listener: (name: NodeJS.Signals) => void): unknown
}

/**
 * The wish of a person or supervisor to stop, as an AbortSignal. The first signal aborts, so that a command can clean
 * up; the second ends the process at once.
 */
export class Interrupts implements Disposable {
  readonly #controller = new AbortController()
  readonly #listener = (name: NodeJS.Signals): void => this.#received(name)
  readonly #source: SignalSource
  #first: InterruptName | undefined

  constructor(source: SignalSource = process) {
    this.#source = source
  }

  /** Aborts with MeridianError INTERRUPTED. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The signal that came, if one did. */
  get received(): InterruptName | undefined {
    return this.#first
  }

  listen(): void {
    for (const name of Object.keys(SIGNALS)) this.#source.on(name, this.#listener)
  }

  /** For a command that drains in its own way: from here on signals are its business alone. */
  release(): void {
    for (const name of Object.keys(SIGNALS)) this.#source.off(name, this.#listener)
  }

  /** Ends the command without a signal. */
  stop(reason: string): void {
    this.#controller.abort(new MeridianError('INTERRUPTED', reason))
  }

  [Symbol.dispose](): void {
    this.release()
  }

  #received(name: NodeJS.Signals): void {
    const known = name as InterruptName
    if (this.#first !== undefined) process.exit(exitOfSignal(known))
    this.#first = known
    this.#controller.abort(new MeridianError('INTERRUPTED', `stopped by ${known}`))
  }
}
