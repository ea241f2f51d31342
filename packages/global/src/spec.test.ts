import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { TRANSFER_PHASES } from './journal.ts'
import { TRANSFER_TRANSITIONS } from './transfer-core.ts'
import { TRANSFER_SIGNALS } from './transfer-findings.ts'

const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8')
const rows = spec.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))

test('the table of transfers is the one that the code goes by', () => {
  const head = rows.find(([, name]) => name === String.raw`phase \ signal`)
  expect(head?.slice(2, -1)).toEqual(TRANSFER_SIGNALS)
  for (const phase of TRANSFER_PHASES) {
    const told = rows.find((cells) => cells.length === (head?.length ?? 0) && cells[1] === phase)
    const stands = TRANSFER_SIGNALS.map(() => phase)
    const goes = TRANSFER_SIGNALS.map((signal) => TRANSFER_TRANSITIONS[phase][signal])
    expect(told?.slice(2, -1).map((cell) => cell || phase) ?? stands, phase).toEqual(goes)
  }
})

test('every invariant is numbered once, and every file named for tests is there', () => {
  const numbers = rows.map(([, name = '']) => name).filter((name) => /^G\d+$/.test(name))
  expect(numbers).toEqual(numbers.map((_, index) => `G${index + 1}`))
  const files = [...spec.matchAll(/`([a-z.-]+\.test\.ts)`/g)].map(([, file = '']) => file)
  expect(files.length).toBeGreaterThan(8)
  for (const file of files) expect(existsSync(new URL(file, import.meta.url)), file).toBe(true)
})
