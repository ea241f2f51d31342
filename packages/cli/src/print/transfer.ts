import type { RangeDescriptor } from '@meridian/topology'
import { formatMs } from '../duration.ts'
import { phaseTimes } from '../transfer-progress.ts'
import type { TransferProgress } from '../transfer-progress.ts'
import { operationJson } from './operations.ts'
import { rangeJson } from './ranges.ts'

export function transferJson(progress: TransferProgress, range: RangeDescriptor, tookMs: number) {
  return {
    operation: operationJson(progress.operation),
    range: rangeJson(range),
    phases: phaseTimes(progress).map(({ phase, ms }) => ({ phase, ms: Math.round(ms) })),
    frozenMsMax: progress.frozenMsMax === undefined ? null : Math.round(progress.frozenMsMax),
    tookMs: Math.round(tookMs),
  }
}

export function transferLine(progress: TransferProgress, range: RangeDescriptor, tookMs: number): string {
  const { operation, frozenMsMax } = progress
  const frozen =
    frozenMsMax === undefined ? 'frozen for less than a look' : `frozen for at most ${formatMs(frozenMsMax)}`
  return (
    `range ${range.rangeId}: ${range.owner} owns it, generation ${operation.generation} -> ${range.generation}, ` +
    `in ${formatMs(tookMs)}, ${frozen}`
  )
}

/** One line for a phase that was just seen. */
export function phaseLine({ phases, operation }: TransferProgress): string {
  const last = phases.at(-1)
  const note = operation.note === '' ? '' : `  ${operation.note}`
  return `${formatMs(last?.atMs ?? 0).padStart(8)}  ${(last?.phase ?? '').padEnd(9)}${note}`.trimEnd()
}
