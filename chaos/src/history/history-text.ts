import { MeridianError } from '@meridian/topology'
import type { EventKind, HistoryEvent } from './event.ts'
import { SequenceCheck } from './sequence-check.ts'

const STAMP = ['t', 'proc', 'pinc', 'seq', 'kind'] as const

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
  run: true,
  'proc.start': true,
  'proc.end': true,
  'fault.on': true,
  'fault.off': true,
  'rl.renew': true,
  'rl.ack': true,
  'rl.confirm': true,
  'rl.commit': true,
  'nl.renew': true,
  'nl.ack': true,
  'take.observe': true,
  'take.commit': true,
  surrender: true,
  elect: true,
  'store.led': true,
  'ctl.act': true,
  'req.inv': true,
  'req.refused': true,
  'req.ok': true,
  'req.fail': true,
  'req.info': true,
  'node.check': true,
  'node.serve': true,
  'node.refuse': true,
  'rep.accept': true,
  'rep.refuse': true,
  'rep.seal': true,
  'log.entry': true,
  'log.end': true,
  'move.prepare': true,
  'move.follow': true,
  'move.freeze': true,
  'move.barrier': true,
  'move.commit': true,
  'move.abort': true,
  'move.thaw': true,
  'move.activate': true,
  'quarantine.report': true,
  'feed.pub': true,
  'feed.recv': true,
  'feed.apply': true,
  'feed.resync': true,
  'obs.claim': true,
  'hlc.stamp': true,
  'hlc.recv': true,
  'hlc.merge': true,
  'hlc.refuse': true,
  'hlc.ceil': true,
}

export function formatEvent(event: HistoryEvent): string {
  return `${JSON.stringify(event)}\n`
}

/**
 * Reads a recorded history, of one process or of several merged ones. Fields are taken at their word: histories are
 * written by recorders, or by hand for the tests of the checkers.
 *
 * @throws MeridianError INVALID_ARGUMENT naming the line: not JSON, an unknown kind, or a gap in `seq`, which means that
 * events were lost and no verdict may rest on the rest
 */
export function parseHistory(text: string): HistoryEvent[] {
  const events: HistoryEvent[] = []
  const numbers = new SequenceCheck()
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const event = parseLine(line, i + 1)
    const complaint = numbers.next(event)
    if (complaint !== undefined) throw new MeridianError('INVALID_ARGUMENT', `line ${i + 1}: ${complaint}`)
    events.push(event)
  }
  return events
}

/**
 * One history of what several processes wrote, in the order of time. Events of one log keep their order, also where one
 * was recorded later than it happened.
 */
export function mergeHistories(logs: readonly (readonly HistoryEvent[])[]): HistoryEvent[] {
  const dated = logs.flatMap((log) => {
    let latest = Number.NEGATIVE_INFINITY
    return log.map((event) => ({ event, at: (latest = Math.max(latest, event.t)) }))
  })
  return dated.toSorted((a, b) => a.at - b.at).map(({ event }) => event)
}

function parseLine(line: string, number: number): HistoryEvent {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (cause) {
    throw new MeridianError('INVALID_ARGUMENT', `line ${number}: not JSON`, { cause })
  }
  if (typeof parsed !== 'object' || parsed === null || !STAMP.every((field) => Object.hasOwn(parsed, field))) {
    throw new MeridianError('INVALID_ARGUMENT', `line ${number}: an event has ${STAMP.join(', ')}`)
  }
  const kind = 'kind' in parsed ? parsed.kind : undefined
  if (typeof kind !== 'string' || !Object.hasOwn(KINDS, kind)) {
    throw new MeridianError('INVALID_ARGUMENT', `line ${number}: unknown kind ${JSON.stringify(kind)}`)
  }
  // Kind and stamp were looked at; the other fields are the writer's promise.
  return parsed as HistoryEvent
}
