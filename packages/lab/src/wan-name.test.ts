import { expect, test } from 'vitest'

import { parsePort, parseWanName } from './wan-name.ts'

test.each([
  ['eu-west.wan.test', { region: 'eu-west', labels: [] }],
  ['n1.eu-west.wan.test', { region: 'eu-west', labels: ['n1'] }],
  ['a.b.EU-West.wan.test.', { region: 'eu-west', labels: ['a', 'b'] }],
  ['wan.test', undefined],
  ['.wan.test', undefined],
  ['a..eu-west.wan.test', undefined],
  ['-a.eu-west.wan.test', undefined],
  ['eu_west.wan.test', undefined],
  ['eu-west.wan.test.example.com', undefined],
  ['eu-westwan.test', undefined],
  ['127.0.0.1', undefined],
  ['localhost', undefined],
])('%s', (host, name) => {
  expect(parseWanName(host)).toEqual(name)
})

test.each([
  ['1', 1],
  ['65535', 65_535],
  ['0', undefined],
  ['65536', undefined],
  ['08', undefined],
  ['1e3', undefined],
  ['', undefined],
])('port %j', (text, port) => {
  expect(parsePort(text)).toBe(port)
})
