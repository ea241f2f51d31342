import { MeridianError } from '@meridian/topology'
import type { EventKind, HistoryEvent } from './event.ts'

const KINDS: Readonly<Record<EventKind, true>> = {
  write: true,
  attempt: true,
  refused: true,
  resend: true,
  probe: true,
  follow: true,
  count: true,
  sample: true,
  leader: true,
  served: true,
  row: true,
  scan: true,
  commit: true,
  canary: true,
  calibration: true,
  act: true,
  fault: true,
  witness: true,
  put: true,
  'store-row': true,
  undecoded: true,
  'g.commit': true,
  'e.commit': true,
}

export function formatEvent(event: HistoryEvent): string {
  return `${JSON.stringify(event)}\n`
}

/**
 * Reads a recorded history. Fields are taken at their word: histories are written by the recorder, or by hand for the
 * tests of the checkers.
 *
 * @throws MeridianError INVALID_ARGUMENT naming the line: not JSON, an unknown kind, or a gap in `seq`, which means that
 * events were lost and no verdict may rest on the rest
 */
export function parseHistory(text: string): HistoryEvent[] {
  const events: HistoryEvent[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const event = parseLine(line, i + 1)
    const expected = (events.at(-1)?.seq ?? 0) + 1
    if (event.seq !== expected) {
      throw new MeridianError('INVALID_ARGUMENT', `line ${i + 1}: seq ${event.seq} where ${expected} was due`)
    }
    events.push(event)
  }
  return events
}

function parseLine(line: string, number: number): HistoryEvent {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (cause) {
    throw new MeridianError('INVALID_ARGUMENT', `line ${number}: not JSON`, { cause })
  }
  if (typeof parsed !== 'object' || parsed === null || !('kind' in parsed) || !('seq' in parsed) || !('t' in parsed)) {
    throw new MeridianError('INVALID_ARGUMENT', `line ${number}: an event has t, seq and kind`)
  }
  if (typeof parsed.kind !== 'string' || !Object.hasOwn(KINDS, parsed.kind)) {
    throw new MeridianError('INVALID_ARGUMENT', `line ${number}: unknown kind ${JSON.stringify(parsed.kind)}`)
  }
  // Kind and stamp were looked at; the other fields are the writer's promise.
  return parsed as HistoryEvent
}
