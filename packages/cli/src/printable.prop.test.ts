import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableBytes } from './printable.ts'
import { jsonText } from './print/json.ts'

const HOSTILE = '\u001b[2J\u0007\u009b31m\u202egnp.exe\u0000\r\n'
/** What a terminal obeys or shows as nothing. */
const OBEYED = /[\p{C}\u2028\u2029]/u

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
