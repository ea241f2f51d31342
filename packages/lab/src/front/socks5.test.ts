import { describe, expect, test } from 'vitest'

import { encodeSocksConnect, parseSocksGreeting, parseSocksRequest, SOCKS_BYTES_MAX, SOCKS_REPLY } from './socks5.ts'

const byName = encodeSocksConnect({ host: 'eu-west.wan.test', port: 2380 })
const byAddress = Buffer.from([5, 1, 0, 1, 192, 0, 2, 7, 0x09, 0x4c])

describe('the greeting', () => {
  test.each([
    ['no authentication only', [5, 1, 0], true],
    ['among others', [5, 3, 2, 1, 0], true],
    ['password only', [5, 1, 2], false],
    ['nothing', [5, 0], false],
  ])('offering %s', (_, bytes, open) => {
    const greeting = Buffer.from(bytes)
    for (let cut = 0; cut < greeting.length; cut++) {
      expect(parseSocksGreeting(greeting.subarray(0, cut))).toEqual({ kind: 'more' })
    }
    const done = { kind: 'done', value: { open }, length: greeting.length }
    expect(parseSocksGreeting(greeting)).toEqual(done)
    expect(parseSocksGreeting(Buffer.concat([greeting, byName]))).toEqual(done)
  })

  test('of SOCKS4 is refused', () => {
    expect(parseSocksGreeting(Buffer.from([4, 1]))).toMatchObject({ kind: 'bad' })
  })
})

describe('the request', () => {
  test.each([
    ['a name', byName, { host: 'eu-west.wan.test', port: 2380 }],
    ['an IPv4 address', byAddress, { host: '192.0.2.7', port: 2380 }],
  ])('for %s, cut at every byte', (_, request, to) => {
    for (let cut = 0; cut < request.length; cut++) {
      expect(parseSocksRequest(request.subarray(0, cut))).toEqual({ kind: 'more' })
    }
    const done = { kind: 'done', value: { to }, length: request.length }
    expect(parseSocksRequest(request)).toEqual(done)
    expect(parseSocksRequest(Buffer.concat([request, Buffer.from('tunnel')]))).toEqual(done)
  })

  test.each([
    ['BIND', [5, 2], SOCKS_REPLY.commandUnsupported],
    ['UDP', [5, 3, 0, 1, 127, 0, 0, 1, 0, 7], SOCKS_REPLY.commandUnsupported],
    ['IPv6', [5, 1, 0, 4], SOCKS_REPLY.addressUnsupported],
    ['port 0', [5, 1, 0, 3, 1, 0x61, 0, 0], SOCKS_REPLY.hostUnreachable],
    ['an empty name', [5, 1, 0, 3, 0, 0, 7], SOCKS_REPLY.hostUnreachable],
    ['a line end in the name', [5, 1, 0, 3, 2, 0x61, 0x0a, 0, 7], SOCKS_REPLY.hostUnreachable],
  ])('for %s is answered with its reply code', (_, bytes, refusal) => {
    expect(parseSocksRequest(Buffer.from(bytes))).toMatchObject({ kind: 'done', value: { refusal } })
  })

  test('of the longest name is within the bound, and too long for a preamble', () => {
    const request = Buffer.concat([Buffer.from([5, 1, 0, 3, 255]), Buffer.alloc(255, 'a'), Buffer.from([0, 7])])
    expect(request.length).toBeLessThanOrEqual(SOCKS_BYTES_MAX)
    expect(parseSocksRequest(request)).toMatchObject({ value: { refusal: SOCKS_REPLY.hostUnreachable } })
  })
})
