import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plain } from './paint.ts'
import { tableLines } from './table.ts'

const columns = [{ title: 'name', cut: true }, { title: 'n', align: 'right' }, { title: 'note' }] as const

test('a table is never wider than its layout, whatever is in it', () => {
  const cell = fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, '·'))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { maxLength: 5 }),
      fc.integer({ min: 20, max: 100 }),
      (rows, width) => {
        for (const line of tableLines(columns, rows, { width, paint: plain }))
          expect(line.length).toBeLessThanOrEqual(width)
      },
    ),
  )
})
