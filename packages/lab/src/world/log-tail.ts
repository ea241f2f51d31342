import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

import { visibleText } from '@meridian/deploy'

const TAIL_BYTES_MAX = 16_384

/** The newest lines of a log, with what a terminal would obey made visible; empty when there is none. */
export function tailOf(path: string, lines: number): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const { size } = fstatSync(file)
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES_MAX))
    const read = readSync(file, buffer, 0, buffer.length, size - buffer.length)
    return buffer.toString('utf8', 0, read).trimEnd().split('\n').slice(-lines).map(visibleText).join('\n')
  } catch {
    // Only explains something else; its absence must not replace that.
    return ''
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
