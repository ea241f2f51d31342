import type { Logger } from '@meridian/loop'
import { pino } from 'pino'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * The process's one logger: JSON lines on stdout, level as text, time as ISO 8601. pino escapes what it prints, so
 * nothing from the network can forge a line; revisions and epochs are bigint and become decimal strings.
 */
export function openLog(level: LogLevel, base: Readonly<Record<string, string>>): Logger {
  return wrap(
    pino({
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: plain },
      redact: ['*.authorization', '*.token.secret'],
    }),
  )
}

function wrap(log: pino.Logger): Logger {
  return {
    debug: (fields, event) => log.debug(fields, event),
    info: (fields, event) => log.info(fields, event),
    warn: (fields, event) => log.warn(fields, event),
    error: (fields, event) => log.error(fields, event),
    child: (fields) => wrap(log.child(fields)),
  }
}

/** JSON knows no bigint; everything else passes as it is. */
function plain(fields: Record<string, unknown>): Record<string, unknown> {
  for (const value of Object.values(fields)) {
    if (typeof value === 'bigint') {
      return Object.fromEntries(
        Object.entries(fields).map(([key, each]) => [key, typeof each === 'bigint' ? String(each) : each]),
      )
    }
  }
  return fields
}
