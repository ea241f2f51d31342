import type { ReplicaMove } from '@meridian/protocol'
import { formatMs } from '../duration.ts'
import { printable } from '../printable.ts'
import { timeJson } from './operations.ts'
import { tableLines } from './table.ts'
import type { Layout } from './table.ts'

/** Rows that people are shown at once; `--json` has all. */
const MOVE_ROWS_MAX = 100

export function moveJson({ startedWallMs, ...move }: ReplicaMove) {
  return { ...move, started: timeJson(startedWallMs) }
}

/** @param wallMs now, for ages */
export function moveLines(moves: readonly ReplicaMove[], wallMs: number, layout: Layout): string[] {
  if (moves.length === 0) return ['no moves']
  const shown = moves.slice(0, MOVE_ROWS_MAX)
  const table = tableLines(
    [
      { title: 'operation' },
      { title: 'shard' },
      { title: 'from', cut: true },
      { title: 'to', cut: true },
      { title: 'phase' },
      { title: 'age', align: 'right' },
      { title: 'note', cut: true },
    ],
    shown.map((move) => [
      printable(move.operation),
      printable(move.shardId),
      printable(move.from),
      printable(move.to),
      {
        text: printable(move.phase),
        tone: move.phase === 'done' ? 'good' : move.phase === 'aborted' ? 'bad' : 'plain',
      },
      move.startedWallMs <= 0n ? '-' : formatMs(Math.max(0, wallMs - Number(move.startedWallMs))),
      printable(move.note),
    ]),
    layout,
  )
  const more = moves.length - shown.length
  return more === 0 ? table : [...table, layout.paint('faint', `and ${more} more; all of them with --json`)]
}
