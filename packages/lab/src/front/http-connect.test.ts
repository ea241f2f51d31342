import { describe, expect, test } from 'vitest'

import { parseConnect } from './http-connect.ts'

const request = Buffer.from(
  'CONNECT eu-west.wan.test:7443 HTTP/1.1\r\nHost: eu-west.wan.test:7443\r\nUser-Agent: x\r\n\r\n',
)

describe('the CONNECT request', () => {
  test('is complete at its empty line and at no byte before', () => {
    for (let cut = 0; cut < request.length; cut++)
      expect(parseConnect(request.subarray(0, cut))).toEqual({ kind: 'more' })
    const done = { kind: 'done', value: { host: 'eu-west.wan.test', port: 7443 }, length: request.length }
    expect(parseConnect(request)).toEqual(done)
    expect(parseConnect(Buffer.concat([request, Buffer.from('PRI * HTTP/2.0\r\n\r\n')]))).toEqual(done)
  })

  test.each([
    ['another method', 'GET http://eu-west.wan.test:7443/ HTTP/1.1\r\n\r\n'],
    ['no port', 'CONNECT eu-west.wan.test HTTP/1.1\r\n\r\n'],
    ['another protocol', 'CONNECT eu-west.wan.test:1 SPDY/3\r\n\r\n'],
    ['a lower-case method', 'connect eu-west.wan.test:1 HTTP/1.1\r\n\r\n'],
  ])('refuses %s', (_, text) => {
    expect(parseConnect(Buffer.from(text))).toMatchObject({ kind: 'bad' })
  })
})
