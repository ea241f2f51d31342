import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TempDir extends AsyncDisposable {
  /** Absolute path of a folder nobody else uses. */
  readonly path: string
}

/**
 * A fresh folder under the system's temporary folder, removed with its content on disposal.
 * With `MERIDIAN_KEEP=1` it stays, and disposal prints its path to stderr.
 */
export async function tempDir(prefix = 'meridian-'): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  let removal: Promise<void> | undefined
  const remove = async (): Promise<void> => {
    if (process.env['MERIDIAN_KEEP'] === '1') {
      process.stderr.write(`kept ${path}\n`)
      return
    }
    // A server killed a moment ago may still have had a file being created: retry instead of failing the test.
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
  return {
    path,
    [Symbol.asyncDispose]: () => (removal ??= remove()),
  }
}
