import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { CeilingError } from './errors.ts'
import { isWallMs } from './timestamp.ts'
import type { CeilingStore } from './ceiling.ts'

const CONTENT_PATTERN = /^hlc-ceiling ([0-9]{1,15})\n$/

/**
 * A ceiling in a small file of its own, `hlc-ceiling <ms>\n`, readable by its user only. The folder must exist.
 * `<path>.tmp` is overwritten freely. Throws `CeilingError` on a file that cannot be read, parsed or written.
 *
 * A save is write, fsync, rename, fsync of the folder: after a crash either the old or the new value is there, and the
 * new one if `save` returned. It blocks the event loop for the two fsyncs (at most five times a second with an
 * undisturbed clock). A missing file is a first start: whoever deletes it gives up I30 for the next start.
 */
export function fileCeiling(path: string): CeilingStore {
  const temporaryPath = `${path}.tmp`
  return {
    load() {
      let content: string
      try {
        content = readFileSync(path, 'latin1')
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return 0
        throw new CeilingError(`cannot read the clock ceiling ${path}`, { cause })
      }
      const ceilingMs = Number(CONTENT_PATTERN.exec(content)?.[1] ?? Number.NaN)
      if (!isWallMs(ceilingMs)) throw new CeilingError(`the clock ceiling ${path} is damaged`)
      return ceilingMs
    },
    save(ceilingMs) {
      try {
        writeDurably(temporaryPath, `hlc-ceiling ${ceilingMs}\n`)
        renameSync(temporaryPath, path)
        syncFolder(dirname(path))
      } catch (cause) {
        throw new CeilingError(`cannot write the clock ceiling ${path}`, { cause })
      }
    },
  }
}

function writeDurably(path: string, content: string): void {
  const file = openSync(path, 'w', 0o600)
  try {
    const written = writeSync(file, content)
    if (written !== content.length) throw new Error(`wrote ${written} of ${content.length} bytes`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Without this the rename itself may be lost in a power cut, and the old ceiling comes back. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
