import type { Calibration, WorldProgress } from '@meridian/lab'
import type { Recorder } from '../../history/recorder.ts'
import { formatMs } from '../../report/figures.ts'
import type { Printer } from '../../report/printer.ts'
import { formatTable } from '../../report/table.ts'

export const UP = {
  name: 'up',
  shows:
    'Three regions on this machine, as far apart as those of the world: etcd, NATS, region servers and data nodes, everything between regions led over delayed links.',
} as const

/** Tells a person of the start, and records what was measured and proven of the links. */
export function hearWorld(recorder: Recorder, printer: Printer, event: WorldProgress): void {
  switch (event.kind) {
    case 'begin':
      printer.progress(`${event.text}, ${formatMs(event.elapsedMs)}`)
      return
    case 'end':
      printer.text(`${event.step}: ${event.text} (${formatMs(event.tookMs)})`, 2)
      return
    case 'note':
      printer.text(event.text, 2)
      return
    case 'calibrated':
      recordCalibration(recorder, event.calibration)
      printer.lines(['', ...calibrationTable(event.calibration), ''])
      return
    case 'canary': {
      const { a, b, ok, leaks, healed } = event.report
      recorder.record({ kind: 'canary', pair: `${a} ${b}`, ok, leaks: leaks.length, healed })
      return
    }
    case 'process':
      tellProcess(printer, event.event)
  }
}

type ProcessEvent = Extract<WorldProgress, { kind: 'process' }>['event']

/** Only what nobody asked for; kills and restarts of the demo are told by their acts. */
function tellProcess(printer: Printer, event: ProcessEvent): void {
  if (event.kind === 'restarting' || event.kind === 'gave-up') {
    printer.text(`${event.name}: ${event.kind}`, 2)
  }
}

function recordCalibration(recorder: Recorder, { rows }: Calibration): void {
  for (const { source, target, nominalMs, measuredMs, withinBound } of rows) {
    recorder.record({ kind: 'calibration', source, target, nominalMs, measuredMs, withinBound })
  }
}

function calibrationTable({ rows }: Calibration): readonly string[] {
  return formatTable(
    [
      { title: 'link' },
      { title: 'nominal RTT', align: 'right' },
      { title: 'measured p50', align: 'right' },
      { title: 'p99', align: 'right' },
    ],
    rows.map(({ source, target, nominalMs, measuredMs, p99Ms }) => [
      `${source} to ${target}`,
      formatMs(nominalMs),
      formatMs(measuredMs),
      formatMs(p99Ms),
    ]),
  )
}
