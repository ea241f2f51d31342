import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { printable, printableBytes, printableLines } from './printable.ts'
import { jsonText } from './print/json.ts'

const HOSTILE = '\u001b[2J\u0007\u009b31m\u202egnp.exe\u0000\r\n'
/** What a terminal obeys or shows as nothing. */
const OBEYED = /[\p{C}\u2028\u2029]/u

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

describe('nothing that a terminal obeys comes through', () => {
  it('of text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(OBEYED)
      }),
    )
  })

  it('of bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(printableBytes(bytes)).not.toMatch(OBEYED)
      }),
    )
  })

  it('of JSON, which still means the same', () => {
    expect(jsonText({ text: HOSTILE }, 'line')).not.toMatch(OBEYED)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = jsonText({ text }, 'line')
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u)
        expect(JSON.parse(line)).toEqual({ text })
      }),
    )
  })
})

test('bytes that are no UTF-8 are spelled out', () => {
  expect(printableBytes(Buffer.from([0x41, 0xff, 0x0a]))).toBe('A\\xff\\x0a')
})

test('a bigint is a decimal string', () => {
  expect(jsonText({ revision: 2n ** 60n }, 'line')).toBe('{"revision":"1152921504606846976"}')
})
