/**
 * What our code says of itself: a stable event name last, its fields first, as pino takes them. The process's one
 * pino instance is made in `server` and handed down; levels mean: error = an invariant or durable state is in danger,
 * warn = a fault that the design expects, info = a change of role or ownership, debug = the rest.
 */
export interface Logger {
  debug(fields: object, event: string): void
  info(fields: object, event: string): void
  warn(fields: object, event: string): void
  error(fields: object, event: string): void
  child(fields: object): Logger
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
