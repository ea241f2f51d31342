import { describe, expect, test } from 'vitest'

import { CONNECT_BYTES_MAX, parseGatewayConnect } from './gateway-connect.ts'

const line = Buffer.from('CONNECT {"verbose":false,"name":"NAF","gateway":"us-east"}\r\n')

describe('the first line of a gateway', () => {
  test('names it once it is complete, and at no byte before', () => {
    for (let cut = 0; cut < line.length; cut++)
      expect(parseGatewayConnect(line.subarray(0, cut))).toEqual({ kind: 'more' })
    const done = { kind: 'done', value: 'us-east', length: line.length }
    expect(parseGatewayConnect(line)).toEqual(done)
    expect(parseGatewayConnect(Buffer.concat([line, Buffer.from('INFO {}\r\n')]))).toEqual(done)
  })

  test.each([
    ['of a client', 'CONNECT {"verbose":false}\r\n'],
    ['without a name', 'CONNECT {"gateway":""}\r\n'],
    ['that is no JSON', 'CONNECT gateway\r\n'],
    ['of another verb', 'INFO {"gateway":"us-east"}\r\n'],
    ['that never ends', `CONNECT ${'x'.repeat(CONNECT_BYTES_MAX)}`],
  ])('refuses one %s', (_, text) => {
    expect(parseGatewayConnect(Buffer.from(text))).toMatchObject({ kind: 'bad' })
  })
})
