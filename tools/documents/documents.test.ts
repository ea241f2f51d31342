import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = new URL('../..', import.meta.url).pathname

/** `package/file.test.ts` in backticks, and the title in italics that may follow it. */
const NAMED = /`([a-z-]+)\/([^`]+\.test\.ts)`(?:: _([^_]+)_)?/g

interface Named {
  readonly name: string
  readonly file: string
  readonly title: string | undefined
}

function testsNamedIn(document: string): Named[] {
  const text = readFileSync(join(ROOT, 'docs', document), 'utf8')
  return [...text.matchAll(NAMED)].map(([, name = '', rest = '', title]) => ({
    name: `${name}/${rest}`,
    file: join(ROOT, 'packages', name, 'src', rest),
    title,
  }))
}

it.each([
  ['guarantees.md', 20],
  ['not-survived.md', 15],
])('the tests that docs/%s names are there, under the titles it gives them', (document, atLeast) => {
  const named = testsNamedIn(document)
  expect(named.length).toBeGreaterThanOrEqual(atLeast)
  const missing = named.filter(
    ({ file, title }) => !existsSync(file) || (title !== undefined && !readFileSync(file, 'utf8').includes(title)),
  )
  expect(missing.map(({ name, title }) => `${name}: ${title ?? ''}`)).toEqual([])
})
