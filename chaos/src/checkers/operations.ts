import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import type { ReadMode, RequestTier } from '../history/request-event.ts'

/** One request from its departure to its end, whichever way it was recorded. */
export interface Operation {
  /** `(client, cseq)` of a request, `(session, sequence)` of a write of the demo: unique, and as logs name it. */
  readonly name: string
  readonly client: string
  /** Whose writes share an index when they are of one request: the session, or the client. */
  readonly session: string
  readonly tier: RequestTier
  /** Of data: empty as long as it is not known. Of meta: the store. */
  readonly shard: string
  readonly key: string
  readonly f: 'read' | 'write' | 'cas'
  readonly mode: ReadMode
  /** What was to be written; of a read that was answered what was found. */
  readonly value: string
  readonly expected: string
  readonly op: string
  readonly calledAt: number
  /** When the client knew the outcome; Infinity if it never did. */
  readonly returnedAt: number
  readonly status: 'ok' | 'failed' | 'unknown'
  /** These are of the answer: undefined and empty unless `ok`. */
  readonly idx: bigint | undefined
  readonly token: string
  readonly duplicate: boolean
  readonly code: string
}

/** An operation that was answered. */
export type Answered = Operation & { readonly status: 'ok'; readonly idx: bigint }

export const isAnswered = (operation: Operation): operation is Answered =>
  operation.status === 'ok' && operation.idx !== undefined

/** Of all requests that left, in that order; one that never ended in the history counts as unknown. */
export function operationsOf(history: readonly HistoryEvent[]): readonly Operation[] {
  return [...requestsOf(history), ...eventsOf(history, 'write').map(ofWrite)].toSorted(
    (a, b) => a.calledAt - b.calledAt,
  )
}

export const nameOfRequest = ({ client, cseq }: { readonly client: string; readonly cseq: string }): string =>
  `${client}/${cseq}`

type End = EventOf<'req.ok'> | EventOf<'req.fail'> | EventOf<'req.info'>

function requestsOf(history: readonly HistoryEvent[]): Operation[] {
  const ends = new Map<string, End>()
  for (const kind of ['req.ok', 'req.fail', 'req.info'] as const) {
    for (const end of eventsOf(history, kind)) ends.set(nameOfRequest(end), end)
  }
  return eventsOf(history, 'req.inv').map((call) => {
    const name = nameOfRequest(call)
    const end = ends.get(name)
    const { client, tier, shard, key, f, mode, expected, op, t: calledAt } = call
    const same = { name, client, session: client, tier, shard, key, f, mode, expected, op, calledAt }
    if (end?.kind === 'req.ok') {
      const { idx, token, duplicate, t: returnedAt } = end
      const value = f === 'read' ? end.value : call.value
      return { ...same, value, returnedAt, status: 'ok', idx: BigInt(idx), token, duplicate, code: '' }
    }
    const { value } = call
    const none = { idx: undefined, token: '', duplicate: false, code: end?.code ?? 'no end' }
    if (end?.kind === 'req.fail') return { ...same, ...none, value, returnedAt: end.t, status: 'failed' }
    return { ...same, ...none, value, returnedAt: end?.t ?? Infinity, status: 'unknown' }
  })
}

function ofWrite(write: EventOf<'write'>): Operation {
  const { client, session, sequence, keyspace, key, value, shard, status, index, token, duplicate, code } = write
  return {
    // One that never had a route has no session either.
    name: session === '' ? `${client} ${key} at ${write.t0}` : nameOfRequest({ client: session, cseq: sequence }),
    client,
    session,
    tier: 'data',
    shard,
    key: `${keyspace}/${key}`,
    f: 'write',
    mode: '',
    value,
    expected: '',
    op: '',
    calledAt: write.t0,
    returnedAt: write.t,
    status,
    idx: status === 'ok' ? BigInt(index) : undefined,
    token,
    duplicate,
    code,
  }
}

/** What the outcome tells of when it took effect: the end of an unknown one says nothing. */
export const settledAt = ({ status, returnedAt }: Operation): number => (status === 'unknown' ? Infinity : returnedAt)
