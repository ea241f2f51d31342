import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { renderedFigures } from './render.ts'

it('the figures, pages and pictures are what the results files say: else run `meridian bench render`', async () => {
  const rendered = await renderedFigures()
  expect([...rendered.keys()].filter((path) => path.endsWith('.md'))).toHaveLength(3)
  for (const [path, content] of rendered) expect(await readFile(path, 'utf8'), path).toBe(content)
})
