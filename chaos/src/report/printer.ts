import { wrap } from './table.ts'

const WIDTH = 80
/** A terminal line is drawn anew at most so often, ms; a log gets a line at most every so often. */
const REDRAW_MS = 100
const LOG_LINE_MS = 5000

export interface TextSink {
  write(text: string): unknown
}

/**
 * What a person sees: headings, lines and tables of at most 80 columns, and progress. On a terminal progress is one line
 * drawn over itself; elsewhere it is a plain line now and then, so that a log file stays readable.
 */
export class Printer {
  readonly #sink: TextSink
  readonly #isTty: boolean
  readonly #nowMs: () => number
  #drawn = false
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(sink: TextSink, isTty: boolean, nowMs: () => number) {
    this.#sink = sink
    this.#isTty = isTty
    this.#nowMs = nowMs
  }

  /** An act begins: its name and, in a sentence, what it shows. */
  heading(name: string, shows: string): void {
    this.#clear()
    this.#sink.write(`\n== ${name} ${'='.repeat(Math.max(2, WIDTH - name.length - 4))}\n`)
    this.text(shows)
    // A log is told of progress only when an act takes long.
    this.#lastMs = this.#isTty ? Number.NEGATIVE_INFINITY : this.#nowMs()
  }

  /** Words, wrapped. */
  text(text: string, indent = 0): void {
    this.lines(wrap(text, WIDTH - indent).map((line) => ' '.repeat(indent) + line))
  }

  /** Lines as they are: a table. */
  lines(lines: readonly string[]): void {
    this.#clear()
    for (const line of lines) this.#sink.write(`${line}\n`)
  }

  progress(text: string): void {
    const nowMs = this.#nowMs()
    if (nowMs - this.#lastMs < (this.#isTty ? REDRAW_MS : LOG_LINE_MS)) return
    this.#lastMs = nowMs
    if (!this.#isTty) {
      this.#sink.write(`  ${text.slice(0, WIDTH - 2)}\n`)
      return
    }
    this.#sink.write(`\r\x1b[2K  ${text.slice(0, WIDTH - 3)}`)
    this.#drawn = true
  }

  #clear(): void {
    if (this.#drawn) this.#sink.write('\r\x1b[2K')
    this.#drawn = false
  }
}
