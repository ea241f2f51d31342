import { MeridianError } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { parseMatrix } from './parse-matrix.ts'

const faultsOf = (text: string): string[] => {
  try {
    parseMatrix(text, 'm.csv')
  } catch (error) {
    if (error instanceof MeridianError && error.code === 'CONFIG_INVALID') return error.message.split('\n')
    throw error
  }
  return []
}

describe('accepted', () => {
  test.each([
    ['rows', 'a,b,70.5\na,c,235.8\nb,c,186.6\n'],
    [
      'rows under a heading, with a comment and spaces',
      '# ping\nsource,target,rtt_ms\n a , b , 70.5\n\na,c,235.8\r\nc,b,186.6',
    ],
    ['a table of one half', ',a,b,c\na,,70.5,235.8\nb,,,186.6\nc'],
    ['a table of both halves', ',a,b,c\na,0,70.5,235.8\nb,70.5,-,186.6\nc,235.8,186.6,0'],
    ['a quoted one with a mark', '\uFEFF"","a","b","c"\n"a",0,"70.5",235.8\nb,,,186.6\nc,,,'],
  ])('%s', (_, text) => {
    const { regions, rttMs } = parseMatrix(text, 'm.csv')
    expect(regions).toEqual(['a', 'b', 'c'])
    expect([rttMs('a', 'b'), rttMs('b', 'a'), rttMs('c', 'a'), rttMs('b', 'c')]).toEqual([70.5, 70.5, 235.8, 186.6])
    expect(rttMs('a', 'a')).toBe(0)
    expect(() => rttMs('a', 'mars')).toThrow('m.csv has no round trip of a and mars')
  })

  test('both sides of a pair: the mean', () => {
    expect(parseMatrix('a,b,70\nb,a,72', 'm.csv').rttMs('a', 'b')).toBe(71)
  })
})

describe('refused, with the place', () => {
  test.each([
    ['nothing', '# only words\n', ['m.csv:1:1 no round trips are given']],
    ['one region', ',a\na,0', ['m.csv:1:1 fewer than two regions']],
    ['a name', 'a,B!,70', ['m.csv:1:3 "B!" is no region id']],
    ['a number', 'a, b, fast', ['m.csv:1:7 "fast" is no round trip']],
    ['seconds', 'a,b,70000', ['m.csv:1:5 "70000" is no round trip']],
    ['an empty one', 'a,b,', ['m.csv:1:5 "" is no round trip']],
    ['cells too few', 'a,b,1\na,c\nb,c,1', ['m.csv:1:1 the round trip of a and c', 'm.csv:2:3 2 cells where']],
    ['cells too many', 'a,b,1,2', ['m.csv:1:7 4 cells where']],
    ['a pair twice', 'a,b,1\na,b,2', ['m.csv:2:5 a to b is given twice']],
    ['itself', 'a,b,1\na,a,3', ['m.csv:2:3 a round trip of a to itself']],
    ['what is missing', 'a,b,1\nb,c,1', ['m.csv:1:1 the round trip of a and c is missing']],
    ['a diagonal', ',a,b\na,5,1\nb,1,0', ['m.csv:2:3 the round trip of a to itself']],
    ['a row of nobody', ',a,b\na,0,1\nc,1,1', ['m.csv:3:1 region c is not in']],
    ['a row too long', ',a,b\na,0,1,9\nb,1,0', ['m.csv:2:7 3 cells under 2 regions']],
    ['a column twice', ',a,b,a\na,0,1\nb,1,0', ['m.csv:1:6 region a is listed twice']],
  ])('%s', (_, text, expected) => {
    const found = faultsOf(text)
    expected.forEach((start, index) => expect(found[index]).toContain(start))
    expect(found.length).toBeGreaterThanOrEqual(expected.length)
  })

  test('all faults at once, in the order of the file', () => {
    expect(faultsOf('a,b,x\nB,c,1\na,c,2\na,c,3\nb,c,-1').map((line) => line.split(' ')[0])).toEqual([
      'm.csv:1:5',
      'm.csv:2:1',
      'm.csv:4:5',
      'm.csv:5:5',
    ])
  })

  test('too many regions, too much text, too many faults', () => {
    const star = Array.from({ length: 20 }, (_, i) => `a,r${i},1`).join('\n')
    expect(faultsOf(star)).toEqual(['m.csv:16:3 more than 16 regions'])
    expect(faultsOf('a'.repeat(2 ** 20 + 1))[0]).toContain('longer than')
    expect(faultsOf('a,b,x\n'.repeat(500))).toHaveLength(101)
  })
})

test('whatever the text: a matrix that is complete, or faults with places', () => {
  const cell = fc.constantFrom('a', 'b', 'c', '', '1', '70.5', '-', '0', 'ms', '"', ',', '\n', '\n', '#', 'x y')
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 30 }), (cells) => {
      const text = cells.join(',')
      const faults = faultsOf(text)
      for (const fault of faults) expect(fault).toMatch(/^m\.csv:\d+:\d+ ./)
      if (faults.length > 0) return
      const { regions, rttMs } = parseMatrix(text, 'm.csv')
      for (const a of regions) for (const b of regions) expect(rttMs(a, b)).toBe(rttMs(b, a))
    }),
    { numRuns: 500 },
  )
})
