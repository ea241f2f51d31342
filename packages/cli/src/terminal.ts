import { printable } from './printable.ts'
import { jsonText } from './print/json.ts'
import { colored, plain } from './print/paint.ts'
import { cutTo } from './print/table.ts'
import type { Layout } from './print/table.ts'

/** Where a program writes; `process.stdout` is one. */
export interface Sink {
  write(chunk: string | Uint8Array): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface Sinks {
  readonly stdout: Sink
  readonly stderr: Sink
}

/** Width that everything fits into when nobody says how wide the terminal is. */
const COLUMNS_DEFAULT = 80

/** To the begin of the line, and nothing left of it. */
const WIPE = '\r\u001b[2K'

/** Data on stdout, everything said about it on stderr. */
export class Terminal {
  readonly json: boolean
  /** A person looks at stdout. */
  readonly interactive: boolean
  readonly layout: Layout
  readonly #sinks: Sinks
  readonly #quiet: boolean
  #progress = false

  constructor(sinks: Sinks, options: { readonly json: boolean; readonly quiet: boolean; readonly color: boolean }) {
    this.#sinks = sinks
    this.#quiet = options.quiet
    this.json = options.json
    this.interactive = sinks.stdout.isTTY === true && !options.json
    this.layout = {
      width: this.interactive ? Math.max(COLUMNS_DEFAULT, sinks.stdout.columns ?? 0) : COLUMNS_DEFAULT,
      paint: options.color && this.interactive ? colored : plain,
    }
  }

  /** Lines for people, printable already. */
  print(...lines: readonly string[]): void {
    this.#wipe()
    if (lines.length > 0) this.#sinks.stdout.write(`${lines.join('\n')}\n`)
  }

  /** The one document of a command with --json. */
  document(value: unknown): void {
    this.#wipe()
    this.#sinks.stdout.write(`${jsonText(value)}\n`)
  }

  /** One of many documents of a command that goes on: a line each. */
  documentLine(value: unknown): void {
    this.#wipe()
    this.#sinks.stdout.write(`${jsonText(value, 'line')}\n`)
  }

  /** Either the document or the lines, as was asked. */
  show(document: () => unknown, lines: () => readonly string[]): void {
    if (this.json) this.document(document())
    else this.print(...lines())
  }

  /** Bytes as they are: only where a person asked for just that. */
  raw(bytes: Uint8Array): void {
    this.#sinks.stdout.write(bytes)
  }

  /** Top of an empty screen, for a view that is drawn again and again. */
  clear(): void {
    if (this.interactive) this.#sinks.stdout.write('\u001b[H\u001b[2J')
  }

  /** Progress and remarks; not with --quiet. */
  note(text: string): void {
    this.#wipe()
    if (!this.#quiet) this.#sinks.stderr.write(`${printable(text)}\n`)
  }

  /** One line about what goes on, in the place of the one before; for a person who looks, and for nobody else. */
  progress(text: string): void {
    const { stderr } = this.#sinks
    if (this.#quiet || stderr.isTTY !== true) return
    const width = Math.max(1, (stderr.columns ?? COLUMNS_DEFAULT) - 1)
    stderr.write(`${WIPE}${cutTo(printable(text), width)}`)
    this.#progress = true
  }

  /** The line of `progress` goes before anything else is written. */
  #wipe(): void {
    if (!this.#progress) return
    this.#progress = false
    this.#sinks.stderr.write(WIPE)
  }
}
