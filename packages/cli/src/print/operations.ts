import type { Operation } from '@meridian/protocol'
import { formatMs } from '../duration.ts'
import { printable } from '../printable.ts'
import { cutTo, tableLines, wrapText } from './table.ts'
import type { Layout } from './table.ts'

/** Operations that people are shown at once; `--json` has all. */
export const OPERATION_ROWS_MAX = 100
const LABEL_WIDTH = 10
/** Lines that a note may take. */
const NOTE_LINES_MAX = 12

/** Latest moment a `Date` can name, ms. */
const DATE_MS_MAX = 8_640_000_000_000_000n

/** Null for no moment, and for one that no clock shows. */
export function timeJson(wallMs: bigint): string | null {
  return wallMs <= 0n || wallMs > DATE_MS_MAX ? null : new Date(Number(wallMs)).toISOString()
}

export function operationJson({ startedWallMs, updatedWallMs, ...operation }: Operation) {
  return { ...operation, started: timeJson(startedWallMs), updated: timeJson(updatedWallMs) }
}

/** What an operation is about, on one line: `cities range 12: eu-west -> us-east`. */
export function operationSubject({ kind, keyspace, rangeId, source, target, moved, left }: Operation): string {
  if (kind === 'takeover') return printable(`${source}: ${moved} ranges taken, ${left} left`)
  return printable(`${keyspace} range ${rangeId}: ${source} -> ${target}`)
}

/** @param wallMs now, for ages; as good as the clocks of this machine and of the server agree */
export function operationLines(operations: readonly Operation[], wallMs: number, layout: Layout): string[] {
  if (operations.length === 0) return ['no operations']
  const shown = operations.slice(0, OPERATION_ROWS_MAX)
  const table = tableLines(
    [
      // Whole, so that it can be shown or aborted by it.
      { title: 'operation' },
      { title: 'phase' },
      { title: 'what' },
      { title: 'age', align: 'right' },
      { title: 'note', cut: true },
    ],
    shown.map((operation) => [
      printable(operation.operation),
      { text: printable(operation.phase), tone: toneOf(operation) },
      operationSubject(operation),
      ageText(operation, wallMs),
      printable(operation.note),
    ]),
    layout,
  )
  const more = operations.length - shown.length
  return more === 0 ? table : [...table, layout.paint('faint', `and ${more} more; all of them with --json`)]
}

export function operationPage(operation: Operation, wallMs: number, layout: Layout): string[] {
  const fact = (label: string, text: string): string[] => {
    const lines = wrapText(printable(text), layout.width - LABEL_WIDTH - 1).slice(0, NOTE_LINES_MAX)
    return lines.map(
      (line, at) => `${(at === 0 ? label : '').padEnd(LABEL_WIDTH)} ${cutTo(line, layout.width - LABEL_WIDTH - 1)}`,
    )
  }
  const { kind, phase, generation, started, updated } = operationJson(operation)
  return [
    ...fact('operation', operation.operation),
    ...fact('kind', kind),
    ...fact('what', operationSubject(operation)),
    ...fact(
      kind === 'takeover' ? 'term' : 'generation',
      kind === 'takeover' ? `${generation}` : `${generation} at its start`,
    ),
    `${'phase'.padEnd(LABEL_WIDTH)} ${layout.paint(toneOf(operation), printable(phase))}`,
    ...fact('note', operation.note === '' ? '-' : operation.note),
    ...fact('reason', operation.reason === '' ? '-' : operation.reason),
    ...fact('started', started === null ? '-' : `${started}, ${ageText(operation, wallMs)} ago`),
    ...fact('updated', updated ?? '-'),
  ]
}

function toneOf({ phase, ended }: Operation) {
  if (phase === 'done') return 'good'
  return phase === 'aborted' || phase === 'aborting' || phase === 'braked' || phase === 'stopped'
    ? 'bad'
    : ended
      ? 'faint'
      : 'title'
}

function ageText({ startedWallMs }: Operation, wallMs: number): string {
  return startedWallMs <= 0n ? '-' : formatMs(Math.max(0, wallMs - Number(startedWallMs)))
}
