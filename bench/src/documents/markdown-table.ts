/** A table as the formatter of the checkout writes it: words to the left, figures to the right. */
export function markdownTable(words: number, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => (row[column] ?? '').length)))
  const cells = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(row[column] ?? '', width, column < words)).join(' | ')} |`
  const rule = widths.map((width, column) => (column < words ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [cells(head), cells(rule), ...rows.map(cells)].join('\n')
}

const pad = (text: string, width: number, toTheLeft: boolean): string =>
  toTheLeft ? text.padEnd(width) : text.padStart(width)
