import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERROR_TABLE } from '@meridian/protocol'
import { ERROR_CODES } from '@meridian/topology'
import { grpcName } from './print/errors.ts'
import { recordedRun } from './recorded-run.ts'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')

/** Rows of the first table whose title row begins with `code`, cells trimmed. */
function rowsOf(markdown: string): string[][] {
  const lines = markdown.split('\n')
  const titles = lines.findIndex((line) => /^\|\s*code\s*\|/.test(line))
  const rest = lines.slice(titles + 2)
  const end = rest.findIndex((line) => !line.startsWith('|'))
  return rest.slice(0, end < 0 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const tableRows = ERROR_CODES.map((code) => {
  const row = ERROR_TABLE[code]
  return [code, `${row.grpc} ${grpcName(row)}`, row.retry, String(row.exit), row.meaning]
})

test('every row of docs/errors.md is a row of the error table', () => {
  const known = new Set(tableRows.map((row) => row.join('|')))
  expect(rowsOf(page).filter((row) => !known.has(row.join('|')))).toEqual([])
})

test('every row of the error table is in docs/errors.md, in its order', () => {
  expect(rowsOf(page)).toEqual(tableRows)
})

test('meridian errors --markdown prints that table', async () => {
  const { stdout } = await recordedRun(['errors', '--markdown'])
  expect(rowsOf(stdout)).toEqual(tableRows)
})

test('meridian errors prints all of them within 80 columns, or the one asked for', async () => {
  const all = await recordedRun(['errors'])
  for (const code of ERROR_CODES) expect(all.stdout).toContain(`\n${code} `)
  for (const line of all.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80)
  const one = await recordedRun(['errors', 'token_stale', '--json'])
  expect(JSON.parse(one.stdout)).toEqual({
    errors: [
      {
        code: 'TOKEN_STALE',
        grpc: 9,
        grpcName: 'FAILED_PRECONDITION',
        retry: 'refresh',
        exit: 4,
        meaning: ERROR_TABLE.TOKEN_STALE.meaning,
      },
    ],
  })
})
