import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseByteSize } from './byte-size.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { formatEnvFile, parseEnvFile } from './env-file.ts'
import { hostPort, splitHostPort } from './host.ts'
import { takeoverWaitMs } from './timing.ts'
import { visibleText } from './visible-text.ts'

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['9s', 9000],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['1h', 3_600_000],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', '9', 's', '-1s', '1 s', '1d', '0.5ms', '1e3s', '9S'])('is not %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('is written so that it reads back', () => {
    fc.assert(fc.property(fc.nat(1e9), (ms) => parseDuration(formatDuration(ms)) === ms))
  })
})

it('a size has a binary unit', () => {
  expect(parseByteSize('2GiB')).toBe(2 ** 31)
  expect(parseByteSize('64KiB')).toBe(65_536)
  for (const text of ['2', '2GB', '-1KiB', '1.5MiB']) expect(parseByteSize(text)).toBeUndefined()
})

it('an environment file reads back, and faulty lines are counted', () => {
  const variables = { ETCD_NAME: 'a', ETCD_INITIAL_CLUSTER: 'a=http://h:1,b=http://h:2' }
  expect(parseEnvFile(formatEnvFile('# head\n', variables))).toEqual({ variables, faultyLines: [] })
  expect(parseEnvFile('A=1\nexport B=2\n\nC D\n').faultyLines).toEqual([2, 4])
  expect(() => formatEnvFile('', { A: 'x y' })).toThrow('assertion')
})

it('an address keeps its halves, IPv6 in brackets', () => {
  for (const host of ['127.0.0.1', '::1', 'a.wan.test'])
    expect(splitHostPort(hostPort(host, 80))).toEqual({ host, port: 80 })
})

it('the wait covers the lease on the slowest and the fastest clock', () => {
  expect(takeoverWaitMs(6000)).toBe(6370)
  expect(takeoverWaitMs(9000)).toBe(9430)
})

it('nothing that a terminal obeys stays in a text', () => {
  expect(visibleText('a\u001b[2J\u009bé\n')).toBe('a\\u{1b}[2J\\u{9b}é\\u{a}')
})
