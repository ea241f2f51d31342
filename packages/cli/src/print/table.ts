import type { Paint, Tone } from './paint.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** May be cut when the table is too wide; one without this is cut only when nothing else is left. */
  readonly cut?: boolean
}

/** Printable text: cells are not escaped here. */
export type Cell = string | { readonly text: string; readonly tone: Tone }

/** Where text is printed. */
export interface Layout {
  /** Characters of a line. */
  readonly width: number
  readonly paint: Paint
}

const GAP = 2
const CUT_WIDTH_MIN = 6
const ELLIPSIS = '…'

/** Lines of a table no wider than the layout, `indent` included: columns that may be cut give way, the widest first. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  layout: Layout,
  indent = 0,
): string[] {
  const natural = columns.map((column, at) =>
    Math.max(lengthOf(column.title), ...rows.map((row) => lengthOf(textOf(row[at] ?? '')))),
  )
  const widths = fit(natural, columns, layout.width - indent - GAP * (columns.length - 1))
  const line = (cells: readonly Cell[], tone: Tone | undefined): string => {
    const painted = columns.map((column, at) => {
      const cell = cells[at] ?? ''
      const text = cutTo(textOf(cell), widths[at] ?? 0)
      const gap = ' '.repeat(Math.max(0, (widths[at] ?? 0) - lengthOf(text)))
      const body = layout.paint(tone ?? toneOf(cell), text)
      if (column.align === 'right') return gap + body
      return at === columns.length - 1 ? body : body + gap
    })
    return (' '.repeat(indent) + painted.join(' '.repeat(GAP))).trimEnd()
  }
  const titles = columns.map((column) => column.title)
  return [line(titles, 'faint'), ...rows.map((row) => line(row, undefined))]
}

/** At most `width` characters, the last one an ellipsis when something was cut. */
export function cutTo(text: string, width: number): string {
  const chars = Array.from(text)
  return chars.length <= width ? text : chars.slice(0, Math.max(0, width - 1)).join('') + ELLIPSIS
}

/** Text broken at spaces into lines of at most `width` characters; a longer word stays whole. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of text.split(' ')) {
    if (current !== '' && lengthOf(current) + 1 + lengthOf(word) > width) {
      lines.push(current)
      current = word
    } else current = current === '' ? word : `${current} ${word}`
  }
  return [...lines, current]
}

function fit(natural: readonly number[], columns: readonly Column[], available: number): number[] {
  const widths = [...natural]
  const excess = () => widths.reduce((sum, width) => sum + width, 0) - available
  shrink(widths, (at) => columns[at]?.cut === true, CUT_WIDTH_MIN, excess)
  shrink(widths, () => true, 1, excess)
  return widths
}

/** Takes from the widest of the chosen columns, down to the width of the next one at a time. */
function shrink(widths: number[], chosen: (at: number) => boolean, least: number, excess: () => number): void {
  for (let over = excess(); over > 0; over = excess()) {
    const candidates = [...widths.keys()].filter((at) => chosen(at) && (widths[at] ?? 0) > least)
    if (candidates.length === 0) return
    const sizes = candidates.map((at) => widths[at] ?? 0).toSorted((a, b) => b - a)
    const widest = sizes[0] ?? 0
    const next = Math.max(least, sizes.find((size) => size < widest) ?? least)
    const at = candidates.find((candidate) => widths[candidate] === widest) ?? 0
    widths[at] = Math.max(next, widest - over)
  }
}

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text)
const toneOf = (cell: Cell): Tone => (typeof cell === 'string' ? 'plain' : cell.tone)
const lengthOf = (text: string): number => Array.from(text).length
