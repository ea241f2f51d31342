import { execFile } from 'node:child_process'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HOME } from '../paths.ts'

/** The commit that is measured; changes beside results that are not committed are told. */
export async function checkout(): Promise<string> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', ['-C', HOME, ...args])).stdout.trim()
  try {
    const changed = await git('status', '--porcelain', '--', '.', ':!bench/results')
    return `${await git('rev-parse', 'HEAD')}${changed === '' ? '' : '-dirty'}`
  } catch {
    // An archive without history is measured all the same.
    return 'unknown'
  }
}

/** Each file is there whole or not at all. @param files name to text @returns their paths */
export async function writeResults(dir: string, files: ReadonlyMap<string, string>): Promise<readonly string[]> {
  await mkdir(dir, { recursive: true })
  const written: string[] = []
  for (const [name, text] of files) {
    const file = join(dir, name)
    await writeFile(`${file}.draft`, text)
    await rename(`${file}.draft`, file)
    written.push(file)
  }
  return written
}
