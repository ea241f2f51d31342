import type { Logger } from '@meridian/loop'
import { jsonText } from './print/json.ts'

/** Takes what the client says of itself: kept to explain a failure, shown with --debug. */
export class ConnectionLog implements Logger {
  /** Text of the last thing that went wrong. */
  lastFailure: string | undefined
  readonly #show: ((line: string) => void) | undefined
  readonly #parent: ConnectionLog | undefined
  readonly #fields: object

  constructor(show?: (line: string) => void, parent?: ConnectionLog, fields: object = {}) {
    this.#show = show
    this.#parent = parent
    this.#fields = fields
  }

  debug(fields: object, event: string): void {
    this.#write('debug', fields, event)
  }

  info(fields: object, event: string): void {
    this.#write('info', fields, event)
  }

  warn(fields: object, event: string): void {
    this.#failed(fields)
    this.#write('warn', fields, event)
  }

  error(fields: object, event: string): void {
    this.#failed(fields)
    this.#write('error', fields, event)
  }

  child(fields: object): Logger {
    return new ConnectionLog(this.#show, this, { ...this.#fields, ...fields })
  }

  #failed(fields: object): void {
    if (!('err' in fields)) return
    this.#remember(fields.err instanceof Error ? fields.err.message : String(fields.err))
  }

  #remember(text: string): void {
    this.lastFailure = text
    if (this.#parent !== undefined) this.#parent.#remember(text)
  }

  #write(level: string, fields: object, event: string): void {
    if (this.#show === undefined) return
    const flat = Object.entries({ ...this.#fields, ...fields }).map(([key, value]) => [
      key,
      value instanceof Error ? value.message : value,
    ])
    this.#show(`${level} ${event} ${jsonText(Object.fromEntries(flat), 'line')}`)
  }
}
