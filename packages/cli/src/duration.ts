import { MeridianError } from '@meridian/topology'

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const DURATION = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)$/
/** Longest patience a person may ask for. */
const DURATION_MS_MAX = 86_400_000

/** Milliseconds of `30s`, `250ms`, `1.5m`. */
export function durationMs(text: string): number {
  const match = DURATION.exec(text)
  const unit = match?.[2] as keyof typeof UNIT_MS | undefined
  const ms = match === null || unit === undefined ? Number.NaN : Math.round(Number(match[1]) * UNIT_MS[unit])
  if (Number.isNaN(ms) || ms < 1 || ms > DURATION_MS_MAX) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} is no duration: write 30s, 250ms or 1.5m, from 1ms to 24h`,
    )
  }
  return ms
}

/** For people: `950 ms`, `7.9 s`, `3.2 min`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`
  return `${(ms / 60_000).toFixed(1)} min`
}

/** For people: `420 ns`, `3.1 µs`, `12 ms`. */
export function formatShortMs(ms: number): string {
  if (ms < 0.001) return `${Math.round(ms * 1e6)} ns`
  if (ms < 1) return `${(ms * 1000).toFixed(1)} µs`
  return `${ms.toFixed(1)} ms`
}
