import { describe, expect, test } from 'vitest'
import { asJsonLines, sampleResults } from './fixtures/sample-results.ts'
import { parseResults } from './parse-results.ts'

const sample = sampleResults(3)
const header = JSON.stringify(sample.run)
const cell = (changes: Record<string, unknown>): string => JSON.stringify({ ...sample.lines[0], ...changes })

describe('parseResults', () => {
  test.each([3, 5] as const)('reads back what a run over %i regions wrote', (count) => {
    const results = sampleResults(count)
    expect(parseResults(asJsonLines(results))).toEqual(results)
  })

  test('passes over blank lines and fields it does not know', () => {
    const { lines } = parseResults(`${header}\n\n${cell({ later: 1 })}\n`)
    expect(lines).toEqual([sample.lines[0]])
  })

  test.each([
    ['nothing at all', '', 'line 1: the file is empty'],
    ['a cell before the run', cell({}), 'line 1: the first line must be the run'],
    ['a second run', `${header}\n${header}`, 'line 2: a second run begins; a file holds one'],
    ['no JSON', `${header}\n\n{"topology":`, 'line 3: '],
    ['a list', `${header}\n[]`, 'line 2: a line must be an object, got []'],
    ['a text for a number', `${header}\n${cell({ floorMs: '70' })}`, 'line 2: floorMs must be a number, got "70"'],
    ['no count', `${header}\n${cell({ count: undefined })}`, 'line 2: count must be a number, got nothing'],
    [
      'an unknown region',
      `${header}\n${cell({ clientRegion: 'mars' })}`,
      'line 2: clientRegion "mars" is not a region',
    ],
    ['a run without a machine', '{"kind":"run","topology":"t","commit":"c","date":"d"}', 'line 1: machine must be'],
  ])('refuses %s by its line', (_, text, message) => {
    expect(() => parseResults(text)).toThrow(message)
  })
})
