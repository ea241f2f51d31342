import { expect, test } from 'vitest'
import { parseHostPort } from './host-port.ts'

test.each([
  ['127.0.0.1:2379', '127.0.0.1', 2379],
  ['http://127.0.0.1:2379', '127.0.0.1', 2379],
  ['nats-leaf://localhost:7422/', 'localhost', 7422],
])('%s', (text, host, port) => {
  expect(parseHostPort(text)).toEqual({ host, port })
})

test.each(['', 'localhost', 'localhost:', ':80', 'a:0', 'a:65536', 'a:b', 'http://a:1/path'])('refuses %j', (text) => {
  expect(() => parseHostPort(text)).toThrow('is not host:port')
})
