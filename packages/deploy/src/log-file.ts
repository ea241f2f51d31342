import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { visibleText } from './visible-text.ts'

/** A log file that has reached this is put aside as `<file>.1`, which it replaces, when its process starts again. */
export const LOG_BYTES_MAX = 16 * 2 ** 20
const TAIL_BYTES_MAX = 4096
const TAIL_LINES_MAX = 20

/** Opens the log of a process that is about to start, for appending and for its user only. The caller closes it. */
export function openLog(path: string): number {
  try {
    if (statSync(path).size >= LOG_BYTES_MAX) renameSync(path, `${path}.1`)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  return openSync(path, 'a', 0o600)
}

/** The newest lines, with what a terminal would obey made visible; empty when there is nothing to read. */
export function logTail(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const { size } = fstatSync(file)
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES_MAX))
    const read = readSync(file, buffer, 0, buffer.length, size - buffer.length)
    const lines = buffer.toString('utf8', 0, read).trimEnd().split('\n')
    return lines.slice(-TAIL_LINES_MAX).map(visibleText).join('\n')
  } catch {
    // Only explains another error; its absence must not replace that one.
    return ''
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
