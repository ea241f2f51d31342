import { MeridianError, regionId } from '@meridian/topology'

import type { RttLookup } from './commit-floor.ts'

export const MATRIX_CHARS_MAX = 1 << 20
export const MATRIX_REGIONS_MAX = 16
/** Half the circumference of the earth in fibre is 196 ms; what is ten times as far is a mistake of unit. */
export const MATRIX_RTT_MS_MAX = 2_000
const PROBLEMS_MAX = 100

/** Round trips that a user brings: complete, symmetric, positive. */
export interface UserMatrix {
  /** In the order in which the file names them. */
  readonly regions: readonly string[]
  readonly rttMs: RttLookup
}

interface Cell {
  readonly text: string
  readonly line: number
  readonly column: number
}

/**
 * Comma-separated round trips in ms, as rows `a,b,ms` under an optional heading `source,target,ms`, or as a square table
 * whose first line is an empty cell and the regions. `#` begins a comment line. Of a pair that is given from both sides
 * the mean counts; in a table the diagonal and one of the halves may be empty or `-`.
 *
 * @param file how the file is named in messages.
 * @throws MeridianError CONFIG_INVALID, one line `file:line:col what` per fault, all at once.
 */
export function parseMatrix(text: string, file: string): UserMatrix {
  if (text.length > MATRIX_CHARS_MAX)
    throw new MeridianError('CONFIG_INVALID', `${file}:1:1 longer than ${MATRIX_CHARS_MAX} characters`, {
      details: { file },
    })
  const reading = new Reading()
  const lines = cellsOf(text)
  const [head, ...body] = lines
  if (head === undefined) reading.fault({ text: '', line: 1, column: 1 }, 'no round trips are given')
  else if (head[0]?.text === '') readTable(head.slice(1), body, reading)
  else readRows(/^(rtt_?)?ms$/i.test(head[2]?.text ?? '') ? body : lines, reading)
  if (head !== undefined) reading.checkComplete(head[0] ?? { text: '', line: 1, column: 1 })
  return reading.finish(file)
}

function cellsOf(text: string): Cell[][] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  return lines.flatMap((content, index) => {
    if (content.trim() === '' || content.trimStart().startsWith('#')) return []
    let column = 1
    const cells = content.split(',').map((raw): Cell => {
      const start = column + (raw.length - raw.trimStart().length)
      column += raw.length + 1
      return { text: raw.trim().replace(/^"(.*)"$/, '$1'), line: index + 1, column: start }
    })
    return [cells]
  })
}

function readTable(columns: readonly Cell[], rows: readonly (readonly Cell[])[], reading: Reading): void {
  const listed = new Set<string>()
  for (const column of columns) {
    if (reading.region(column) && listed.has(column.text))
      reading.fault(column, `region ${column.text} is listed twice`)
    listed.add(column.text)
  }
  for (const [name, ...cells] of rows) {
    if (name === undefined || !reading.region(name)) continue
    if (!listed.has(name.text)) reading.fault(name, `region ${name.text} is not in the first line`)
    const [extra] = cells.slice(columns.length)
    if (extra !== undefined) reading.fault(extra, `${cells.length} cells under ${columns.length} regions`)
    cells.slice(0, columns.length).forEach((cell, index) => {
      const column = columns[index]
      if (column === undefined || cell.text === '' || cell.text === '-') return
      if (column.text !== name.text) reading.pair(name.text, column.text, cell)
      else if (Number(cell.text) !== 0) reading.fault(cell, `the round trip of ${name.text} to itself is 0 or empty`)
    })
  }
}

function readRows(rows: readonly (readonly Cell[])[], reading: Reading): void {
  for (const cells of rows) {
    const [source, target, rtt] = cells
    if (source === undefined || target === undefined || rtt === undefined || cells.length > 3) {
      const at = cells.at(3) ?? cells.at(-1)
      if (at !== undefined) reading.fault(at, `${cells.length} cells where a region, a region and ms are expected`)
      continue
    }
    const known = [reading.region(source), reading.region(target)]
    if (known.includes(false)) continue
    if (source.text !== target.text) reading.pair(source.text, target.text, rtt)
    else if (Number(rtt.text) !== 0) reading.fault(target, `a round trip of ${source.text} to itself`)
  }
}

/** What was read so far, good and bad. */
class Reading {
  readonly #regions: string[] = []
  readonly #rtts = new Map<string, number>()
  readonly #faults: { readonly at: Cell; readonly what: string }[] = []

  fault(at: Cell, what: string): void {
    this.#faults.push({ at, what })
  }

  /** Takes note of a region; false for what is no name of one. */
  region(cell: Cell): boolean {
    if (this.#regions.includes(cell.text)) return true
    try {
      regionId(cell.text)
    } catch (error) {
      this.fault(cell, error instanceof Error ? error.message : String(error))
      return false
    }
    this.#regions.push(cell.text)
    if (this.#regions.length === MATRIX_REGIONS_MAX + 1) this.fault(cell, `more than ${MATRIX_REGIONS_MAX} regions`)
    return true
  }

  pair(source: string, target: string, cell: Cell): void {
    const rtt = cell.text === '' ? NaN : Number(cell.text)
    if (!(rtt > 0 && rtt <= MATRIX_RTT_MS_MAX))
      this.fault(cell, `${JSON.stringify(cell.text)} is no round trip: ms above 0, at most ${MATRIX_RTT_MS_MAX}`)
    else if (this.#rtts.has(`${source} ${target}`)) this.fault(cell, `${source} to ${target} is given twice`)
    // Also what is wrong was given: that it is missing as well would be a second complaint of one fault.
    this.#rtts.set(`${source} ${target}`, rtt)
  }

  checkComplete(at: Cell): void {
    // Beyond the bound the pairs would be thousands, and the one fault to mend is the bound.
    if (this.#regions.length > MATRIX_REGIONS_MAX) return
    if (this.#regions.length < 2 && this.#faults.length === 0) this.fault(at, 'fewer than two regions')
    this.#regions.forEach((a, index) => {
      for (const b of this.#regions.slice(index + 1)) {
        if (this.#mean(a, b) === undefined) this.fault(at, `the round trip of ${a} and ${b} is missing`)
      }
    })
  }

  finish(file: string): UserMatrix {
    if (this.#faults.length === 0) {
      return {
        regions: this.#regions,
        rttMs: (a, b) => {
          const rtt = a === b && this.#regions.includes(a) ? 0 : this.#mean(a, b)
          if (rtt === undefined) throw new MeridianError('REGION_UNKNOWN', `${file} has no round trip of ${a} and ${b}`)
          return rtt
        },
      }
    }
    const sorted = this.#faults.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
    const lines = sorted.slice(0, PROBLEMS_MAX).map(({ at, what }) => `${file}:${at.line}:${at.column} ${what}`)
    if (sorted.length > PROBLEMS_MAX) lines.push(`${file}: and ${sorted.length - PROBLEMS_MAX} more`)
    throw new MeridianError('CONFIG_INVALID', lines.join('\n'), { details: { file, problems: String(sorted.length) } })
  }

  #mean(a: string, b: string): number | undefined {
    const [there, back] = [this.#rtts.get(`${a} ${b}`), this.#rtts.get(`${b} ${a}`)]
    return there === undefined ? back : back === undefined ? there : (there + back) / 2
  }
}
