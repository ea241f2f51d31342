const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const DURATION = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)$/

/** Whole milliseconds of `9s`, `250ms`, `1.5m`, `1h`; undefined for anything else, a bare number included. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null) return undefined
  const ms = Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] * 1000) / 1000
  return Number.isInteger(ms) ? ms : undefined
}

/** The shortest text that `parseDuration` reads back as the same: `9s`, `6370ms`. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms > 0 && ms % UNIT_MS[unit] === 0) return `${ms / UNIT_MS[unit]}${unit}`
  }
  return `${ms}ms`
}
