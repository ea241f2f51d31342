import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('../..', import.meta.url).pathname
const SCOPE = '@meridian/'
/** Test only: allowed to everybody as a development dependency, to nobody as a dependency. */
const TEST_ONLY = new Set(['testkit'])

interface Floor {
  readonly floor: number
  readonly name: string
  readonly may: ReadonlySet<string> | 'all'
  readonly alone: readonly string[]
}

function table(): Floor[] {
  const rows = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').matchAll(
    /^\| *(\d) *\| *([a-z-]+) *\|([^|]*)\|([^|]*)\|$/gm,
  )
  return [...rows].map(([, floor = '', name = '', may = '', alone = '']) => ({
    floor: Number(floor),
    name,
    may:
      may.trim() === '*'
        ? 'all'
        : new Set(
            may
              .trim()
              .split(/\s+/)
              .filter((word) => word !== '-'),
          ),
    alone: alone.trim() === '' ? [] : alone.trim().split(/\s+/),
  }))
}

const folder = (name: string) => join(ROOT, name === 'chaos' || name === 'bench' ? name : `packages/${name}`)

function manifest(name: string): { dependencies: Record<string, string>; devDependencies: Record<string, string> } {
  const parsed: unknown = JSON.parse(readFileSync(join(folder(name), 'package.json'), 'utf8'))
  const part = (field: string): Record<string, string> =>
    typeof parsed === 'object' && parsed !== null && field in parsed
      ? ((parsed as Record<string, Record<string, string>>)[field] ?? {})
      : {}
  return { dependencies: part('dependencies'), devDependencies: part('devDependencies') }
}

const ours = (dependencies: Record<string, string>) =>
  Object.keys(dependencies).flatMap((name) => (name.startsWith(SCOPE) ? [name.slice(SCOPE.length)] : []))

/** What the sources of a package import: of ours by name, of others by package. */
function imports(name: string): { readonly file: string; readonly from: string }[] {
  return readdirSync(join(folder(name), 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      [...readFileSync(join(folder(name), 'src', file), 'utf8').matchAll(/(?:from|import\() ?'([^'.][^']*)'/g)].map(
        ([, from = '']) => ({ file, from }),
      ),
    )
}

const floors = table()
const byName = new Map(floors.map((floor) => [floor.name, floor]))

describe('floors', () => {
  it('names every package of the workspace, once', () => {
    const present = [...readdirSync(join(ROOT, 'packages')), 'chaos', 'bench'].toSorted()
    expect(floors.map((floor) => floor.name).toSorted()).toEqual(present)
  })

  it.each(floors)('$name may know what it declares', ({ name, may, floor }) => {
    const { dependencies, devDependencies } = manifest(name)
    for (const other of ours(dependencies)) {
      expect(may === 'all' || may.has(other), `${name} declares ${other}`).toBe(true)
      const below = byName.get(other)?.floor ?? Infinity
      expect(below, `${name} is on floor ${floor}, ${other} on ${below}`).toBeLessThanOrEqual(floor)
      expect(TEST_ONLY.has(other), `${name} needs ${other} outside tests`).toBe(false)
    }
    for (const { file, from } of imports(name)) {
      if (!from.startsWith(SCOPE)) continue
      const other = from.slice(SCOPE.length).split('/')[0] ?? ''
      const test = /\.test\.ts$|\/(testing|conformance|simulation|fixtures)\//.test(`/${file}`)
      const declared =
        `${SCOPE}${other}` in dependencies || (`${SCOPE}${other}` in devDependencies && (test || TEST_ONLY.has(other)))
      expect(declared || other === name, `${name}/src/${file} imports ${from}`).toBe(true)
    }
  })

  it('has no arrow up and no circle', () => {
    const seen = new Set<string>()
    const visit = (name: string, path: readonly string[]): void => {
      expect(path, `a circle: ${[...path, name].join(' -> ')}`).not.toContain(name)
      if (seen.has(name)) return
      seen.add(name)
      for (const other of ours(manifest(name).dependencies)) visit(other, [...path, name])
    }
    for (const { name } of floors) visit(name, [])
  })

  it.each(floors.filter((floor) => floor.alone.length > 0))('$name alone may import $alone', ({ name, alone }) => {
    for (const other of floors) {
      if (other.name === name || TEST_ONLY.has(other.name)) continue
      for (const library of alone) {
        const found = imports(other.name).filter(({ from }) => from === library || from.startsWith(`${library}/`))
        expect(found, `${other.name} imports ${library}`).toEqual([])
      }
    }
  })
})
