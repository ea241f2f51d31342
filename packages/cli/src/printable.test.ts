import { expect, test } from 'vitest'
import { printable, printableBytes, printableLines } from './printable.ts'
import { jsonText } from './print/json.ts'

test.each([
  ['Zürich 東京', 'Zürich 東京'],
  ['\u001b[31m', '\\u{1b}[31m'],
  ['a\nb\tc', 'a\\u{a}b\\u{9}c'],
  ['\u202egnp', '\\u{202e}gnp'],
  ['\ud800', '\\u{d800}'],
])('%j is printed as %s', (text, expected) => {
  expect(printable(text)).toBe(expected)
})

test('lines stay lines, and a line from afar does not start at the margin', () => {
  expect(printableLines('a\nerror OK\u001b')).toBe('a\n  error OK\\u{1b}')
})

test('bytes that are no UTF-8 are spelled out', () => {
  expect(printableBytes(Buffer.from([0x41, 0xff, 0x0a]))).toBe('A\\xff\\x0a')
})

test('a bigint is a decimal string', () => {
  expect(jsonText({ revision: 2n ** 60n }, 'line')).toBe('{"revision":"1152921504606846976"}')
})
