import type { Calibration, WorldProgress } from '@meridian/lab'
import { progressLine } from './progress-line.ts'

/**
 * Lines for people from the events of a world: one per step when it ends, so that a log file reads like a terminal, and
 * the calibration as a table.
 */
export function worldLines(event: WorldProgress): readonly string[] {
  switch (event.kind) {
    case 'begin':
      return []
    case 'end':
      return [
        `${seconds(event.elapsedMs)}  ${event.step.padEnd(9)} ${event.text} (${(event.tookMs / 1000).toFixed(1)} s)`,
      ]
    case 'note':
      return [`            ${event.text}`]
    case 'calibrated':
      return calibrationTable(event.calibration).map((line) => `            ${line}`)
    case 'canary':
      return []
    case 'process': {
      // Readiness is told by the step; what goes wrong is told at once.
      const line = event.event.kind === 'ready' ? undefined : progressLine(event.event)
      return line === undefined ? [] : line.split('\n').map((each) => `            ${each}`)
    }
  }
}

export function calibrationTable(calibration: Calibration): readonly string[] {
  return [
    `${'link'.padEnd(30)} ${'nominal'.padStart(9)} ${'measured'.padStart(9)} ${'p99'.padStart(9)}  ms`,
    ...calibration.rows.map(
      (row) =>
        `${`${row.source} -> ${row.target}`.padEnd(30)} ${row.nominalMs.toFixed(1).padStart(9)} ${row.measuredMs.toFixed(1).padStart(9)} ${row.p99Ms.toFixed(1).padStart(9)}`,
    ),
  ]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(7)} s`
}
