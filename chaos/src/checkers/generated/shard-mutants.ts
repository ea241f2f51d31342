import { compareTokens } from '@meridian/topology'
import { eventsOf } from '../../history/event.ts'
import type { EventOf, HistoryEvent } from '../../history/event.ts'
import { parseToken } from '../../history/token-text.ts'
import { one } from './mutant.ts'
import type { Mutant } from './mutant.ts'
import { numbered } from './timeline.ts'

const isBelow = (a: string, b: string): boolean => compareTokens(parseToken(a), parseToken(b)) < 0

function requestOf(history: readonly HistoryEvent[], { client, cseq }: { client: string; cseq: string }) {
  return eventsOf(history, 'req.inv').find((call) => call.client === client && call.cseq === cseq)
}

/** All copies of the log without the entries that `is` names, the ones above moved down if `close`. */
function withoutEntry(history: readonly HistoryEvent[], is: (entry: EventOf<'log.entry'>) => boolean): HistoryEvent[] {
  const lost = eventsOf(history, 'log.entry').find(is)
  if (lost === undefined) return [...history]
  const index = BigInt(lost.idx)
  return numbered(
    history.flatMap((event): HistoryEvent[] => {
      if (event.kind === 'log.entry') {
        if (event.idx === lost.idx) return []
        return BigInt(event.idx) > index ? [{ ...event, idx: String(BigInt(event.idx) - 1n) }] : [event]
      }
      if (event.kind !== 'log.end') return [event]
      const last = String(BigInt(event.last) - 1n)
      return [{ ...event, last, committed: last, entries: event.entries - 1 }]
    }),
  )
}

export const SHARD_MUTANTS: readonly Mutant[] = [
  {
    name: 'an acknowledged write is not in the log of the successor',
    caughtBy: ['no-loss', 'quarantine'],
    spoil: (history, pick) => {
      const acknowledged = eventsOf(history, 'req.ok').filter(
        // Of one that was repeated a second entry is left, which slides into its place.
        (ok) => requestOf(history, ok)?.f === 'write' && !ok.duplicate,
      )
      const chosen = acknowledged[pick % Math.max(1, acknowledged.length)]
      if (chosen === undefined) return undefined
      return withoutEntry(history, ({ client, cseq }) => client === chosen.client && cseq === chosen.cseq)
    },
  },
  {
    name: 'a read returns what an acknowledged write had replaced before it began',
    caughtBy: ['registers', 'registers-search'],
    spoil: one('req.ok', (ok, history) => {
      const call = requestOf(history, ok)
      if (call?.f !== 'read' || ok.value === '') return undefined
      const writes = eventsOf(history, 'req.ok').filter((each) => {
        const own = requestOf(history, each)
        return own?.f === 'write' && own.key === call.key && each.t < call.t
      })
      return writes.length === 0 ? undefined : { ...ok, value: '' }
    }),
  },
  {
    name: 'a read names an index from before it began',
    caughtBy: ['registers'],
    spoil: one('req.ok', (ok, history) => {
      const call = requestOf(history, ok)
      const seen = eventsOf(history, 'req.ok').filter(
        (each) => call !== undefined && each.t < call.t && BigInt(each.idx) > 1n,
      )
      return call?.f === 'read' && seen.length > 0 ? { ...ok, idx: '1' } : undefined
    }),
  },
  {
    name: 'a timeout is answered as a failure',
    caughtBy: ['failed'],
    spoil: one('req.info', (info, history) => {
      const there = eventsOf(history, 'log.entry').some(
        ({ client, cseq }) => client === info.client && cseq === info.cseq,
      )
      return there ? { ...info, kind: 'req.fail' as never } : undefined
    }),
  },
  {
    name: 'a repetition is applied',
    caughtBy: ['at-most-once'],
    spoil: (history) => {
      const repeated = eventsOf(history, 'log.entry').find(({ applied }) => !applied)
      if (repeated === undefined) return undefined
      return history.map((event) =>
        event.kind === 'log.entry' && event.idx === repeated.idx ? { ...event, applied: true } : event,
      )
    },
  },
  {
    name: 'a write is acknowledged at the index of another client',
    caughtBy: ['log-order', 'no-loss'],
    spoil: one('req.ok', (ok, history) => {
      if (requestOf(history, ok)?.f !== 'write') return undefined
      const other = eventsOf(history, 'req.ok').find(
        (each) => each.client !== ok.client && requestOf(history, each)?.f === 'write' && each.idx !== ok.idx,
      )
      return other === undefined ? undefined : { ...ok, idx: other.idx }
    }),
  },
  {
    name: 'one copy of the log has another entry',
    caughtBy: ['log-order'],
    spoil: one('log.entry', (entry) => ({ ...entry, client: 'c9', cseq: '1', value: '=other' })),
  },
  {
    name: 'a replica accepts a token below its promise',
    caughtBy: ['ratchet'],
    spoil: one('rep.refuse', (refusal) => ({ ...refusal, kind: 'rep.accept' as never })),
  },
  {
    name: 'a replica forgets its promise',
    caughtBy: ['ratchet'],
    spoil: one('rep.accept', (accept) => (accept.promised === 'g0.e0' ? undefined : { ...accept, promised: 'g0.e0' })),
  },
  {
    name: 'one seal is enough',
    caughtBy: ['seals'],
    spoil: one('rep.seal', (seal, history) =>
      eventsOf(history, 'node.serve').some(({ own }) => own === seal.token) ? 'drop' : undefined,
    ),
  },
  {
    name: 'a node lets in another token than its own',
    caughtBy: ['door'],
    spoil: one('node.serve', (serve) => ({ ...serve, token: 'g1.e99' })),
  },
  {
    name: 'a node refuses without telling its own',
    caughtBy: ['door'],
    spoil: one('node.refuse', (refusal) => ({ ...refusal, own: '' })),
  },
  {
    name: 'an answer comes under a token that the client has left behind',
    caughtBy: ['tokens'],
    spoil: one('req.ok', (ok, history) => {
      const before = eventsOf(history, 'req.ok').some(
        (each) => each.client === ok.client && each.t < ok.t && isBelow('g1.e1', each.token),
      )
      return before ? { ...ok, token: 'g1.e1' } : undefined
    }),
  },
  {
    name: 'a lease read passes under a token that was succeeded',
    caughtBy: ['lease-reads'],
    spoil: one('node.check', (check, history) => {
      const newer = eventsOf(history, 'node.serve').some(
        ({ mode, own, t }) => mode === 'write-q' && t < check.t && isBelow('g1.e0', own),
      )
      return newer ? { ...check, token: 'g1.e0' } : undefined
    }),
  },
  {
    name: 'a token is given to two leaders',
    caughtBy: ['one-leader'],
    spoil: (history) => {
      const i = history.findLastIndex((event) => event.kind === 'e.commit')
      const commit = history[i]
      if (commit?.kind !== 'e.commit') return undefined
      const other = commit.leader === 'n0' ? 'n1' : 'n0'
      const again: HistoryEvent = { ...commit, rev: String(BigInt(commit.rev) + 1n), leader: other }
      return numbered(history.toSpliced(i + 1, 0, again))
    },
  },
  {
    name: 'a node serves in a later life than it was named in',
    caughtBy: ['one-leader'],
    spoil: one('node.serve', (serve) => ({ ...serve, nodeEpoch: '2' })),
  },
]
