import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { RENDERED_MARK } from './render.ts'

/** How a folder differs from a rendering; paths relative to the folder, sorted. All empty: it is equal. */
export interface RenderedDifference {
  readonly missing: string[]
  readonly differing: string[]
  /** Files of region folders that the rendering does not have. */
  readonly extra: string[]
}

/** Folders beside those of the regions that are not rendered. */
const OTHER_FOLDERS = new Set(['wan'])

export async function checkRendered(
  folder: string,
  rendered: ReadonlyMap<string, string>,
): Promise<RenderedDifference> {
  const missing: string[] = []
  const differing: string[] = []
  for (const [path, content] of [...rendered].sort(byPath)) {
    const found = await readIfThere(join(folder, path))
    if (found === undefined) missing.push(path)
    else if (found !== content) differing.push(path)
  }
  const extra = (await regionFiles(folder)).filter((path) => !rendered.has(path))
  return { missing, differing, extra }
}

/**
 * Makes the folder equal to the rendering and returns what it changed. Extra files are removed only if they were rendered
 * once; others stay and are returned by a later check.
 */
export async function writeRendered(
  folder: string,
  rendered: ReadonlyMap<string, string>,
): Promise<{ written: string[]; removed: string[] }> {
  const { missing, differing, extra } = await checkRendered(folder, rendered)
  const written = [...missing, ...differing].sort()
  for (const path of written) {
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    // A reader sees the old file or the new one, never half of it.
    const partial = `${target}.${process.pid}.tmp`
    await writeFile(partial, rendered.get(path) ?? '')
    await rename(partial, target)
  }
  const removed: string[] = []
  for (const path of extra) {
    const content = await readIfThere(join(folder, path))
    if (content?.includes(RENDERED_MARK) !== true) continue
    await rm(join(folder, path))
    removed.push(path)
  }
  return { written, removed }
}

async function regionFiles(folder: string): Promise<string[]> {
  const files: string[] = []
  for (const entry of await entriesOf(folder)) {
    if (!entry.isDirectory() || OTHER_FOLDERS.has(entry.name) || entry.name.startsWith('.')) continue
    for (const file of await entriesOf(join(folder, entry.name))) files.push(`${entry.name}/${file.name}`)
  }
  return files.sort()
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
const byPath = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1)
