import { describe, expect, test } from 'vitest'

import { encodePreamble, parseAuthority, parsePreamble, PREAMBLE_BYTES_MAX } from './preamble.ts'

const line = Buffer.from('MERIDIAN/1 n1.eu-west.wan.test:2380\n')

describe('the preamble', () => {
  test('is complete at its line end and at no byte before', () => {
    for (let cut = 0; cut < line.length; cut++) expect(parsePreamble(line.subarray(0, cut))).toEqual({ kind: 'more' })
    const done = { kind: 'done', value: { host: 'n1.eu-west.wan.test', port: 2380 }, length: line.length }
    expect(parsePreamble(line)).toEqual(done)
    expect(parsePreamble(Buffer.concat([line, Buffer.from([0xff, 0x0a, 0x00])]))).toEqual(done)
  })

  test('reads back what was encoded', () => {
    const to = { host: 'eu-west.wan.test', port: 65_535 }
    expect(parsePreamble(encodePreamble(to))).toMatchObject({ value: to })
  })

  test.each([
    ['another protocol', 'GET / HTTP/1.1\r\n\r\n'],
    ['another version', 'MERIDIAN/2 eu-west.wan.test:1\n'],
    ['no port', 'MERIDIAN/1 eu-west.wan.test\n'],
    ['port 0', 'MERIDIAN/1 eu-west.wan.test:0\n'],
    ['port beyond 65535', 'MERIDIAN/1 eu-west.wan.test:65536\n'],
    ['a signed port', 'MERIDIAN/1 eu-west.wan.test:+80\n'],
    ['a blank in the host', 'MERIDIAN/1 eu west:80\n'],
    ['a carriage return', 'MERIDIAN/1 eu-west.wan.test:80\r\n'],
    ['no line end', `MERIDIAN/1 ${'a'.repeat(PREAMBLE_BYTES_MAX)}`],
  ])('refuses %s', (_, text) => {
    expect(parsePreamble(Buffer.from(text))).toMatchObject({ kind: 'bad' })
  })

  test('is refused at the first byte that is wrong, not at the end of the line', () => {
    expect(parsePreamble(Buffer.from('MERIDIAM'))).toMatchObject({ kind: 'bad' })
  })

  test('every host that an egress accepts fits', () => {
    const host = `${'a'.repeat(228)}.wan.test`
    expect(parseAuthority(`${host}:65535`)).toBeDefined()
    expect(encodePreamble({ host, port: 65_535 })).toHaveLength(PREAMBLE_BYTES_MAX - 1)
    expect(parseAuthority(`aa${host}:65535`)).toBeUndefined()
  })
})
