import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { colored, plain } from './paint.ts'
import { cutTo, tableLines, wrapText } from './table.ts'

const columns = [{ title: 'name', cut: true }, { title: 'n', align: 'right' }, { title: 'note' }] as const

test('columns are as wide as they need, numbers to the right, no blanks at the end', () => {
  const rows = [
    ['a', '1', 'x'],
    ['bcd', '22', ''],
  ]
  expect(tableLines(columns, rows, { width: 80, paint: plain }, 2)).toEqual([
    '  name   n  note',
    '  a      1  x',
    '  bcd   22',
  ])
})

test('what may be cut gives way first', () => {
  const rows = [['a-very-long-name-indeed', '12345', 'important']]
  expect(tableLines(columns, rows, { width: 28, paint: plain })).toEqual([
    'name            n  note',
    'a-very-lo…  12345  important',
  ])
})

test('color changes no widths', () => {
  const rows = [[{ text: 'up', tone: 'good' as const }, '1', 'x']]
  const [, line = ''] = tableLines(columns, rows, { width: 80, paint: colored })
  const bare = stripVTControlCharacters(line)
  expect(line).not.toBe(bare)
  expect(bare).toBe(tableLines(columns, rows, { width: 80, paint: plain })[1])
})

test('text is cut by characters and wrapped at spaces', () => {
  expect([cutTo('𝒜𝒜𝒜𝒜', 3), cutTo('abc', 3), cutTo('abcd', 1)]).toEqual(['𝒜𝒜…', 'abc', '…'])
  expect(wrapText('one two three', 7)).toEqual(['one two', 'three'])
})
