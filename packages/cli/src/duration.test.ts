import { expect, test } from 'vitest'
import { durationMs, formatMs, formatShortMs } from './duration.ts'

test.each([
  ['30s', 30_000],
  ['250ms', 250],
  ['1.5m', 90_000],
  ['24h', 86_400_000],
])('%s is %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms)
})

test.each(['', '30', '0s', '-1s', '1d', '25h', '1e3s', ' 1s', '0.1ms'])('%j is refused', (text) => {
  expect(() => durationMs(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('times are told in a unit that fits', () => {
  expect([0, 950, 7900, 192_000].map(formatMs)).toEqual(['0 ms', '950 ms', '7.9 s', '3.2 min'])
  expect([0.00042, 0.0031, 12].map(formatShortMs)).toEqual(['420 ns', '3.1 µs', '12.0 ms'])
})
