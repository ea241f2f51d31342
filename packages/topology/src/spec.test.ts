import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8')
/** Cells of the table rows that begin with an invariant. */
const rows = spec
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, name = '']) => /^T\d+$/.test(name))
const invariants = rows.filter(([, , text = '']) => text.startsWith('**')).map(([, name]) => name)
const proofs = rows.filter(([, , text = '']) => !text.startsWith('**'))

test('every invariant has a row of tests', () => {
  expect(invariants).toEqual(['T1', 'T2', 'T3', 'T4', 'T5', 'T6', 'T7', 'T8', 'T9'])
  expect(proofs.map(([, name]) => name)).toEqual(invariants)
})

test.each(proofs.map((cells) => [cells[1] ?? '', cells.slice(2).join(' ')]))(
  'the tests named for %s exist',
  (_, cells) => {
    let source: string | undefined
    for (const [, file, title] of cells.matchAll(/`([a-z.-]+\.test\.ts)`|"([^"]+)"/g)) {
      if (file !== undefined) source = readFileSync(new URL(file, import.meta.url), 'utf8')
      if (title !== undefined) expect(source, title).toContain(title)
    }
    expect(source).toBeDefined()
  },
)
