import { fromWireToken, toWireToken } from '@meridian/protocol'
import type { FetchStateRequest, FetchStateResponse } from '@meridian/protocol'
import { compareTokens, keyOfBytes, MeridianError, tokensEqual } from '@meridian/topology'
import type { NodeId, ShardId, Token } from '@meridian/topology'
import { runTokenAt } from './replica/lineage.ts'
import type { LogBase, TokenRun } from './replica/lineage.ts'
import type { ReplicaResponse, StateRequest } from './replica/replica-message.ts'
import { decodeSession, encodeSession } from './storage/session-codec.ts'
import { fromWireEntries, fromWireIndex, toWireEntry, toWireKey, toWireValue } from './wire.ts'

type StateResponse = ReplicaResponse & { kind: 'state' }

export function toWireStateRequest(shard: ShardId, from: NodeId, request: StateRequest): FetchStateRequest {
  const { token, at, part, through, have } = request
  return {
    shardId: shard,
    token: toWireToken(token),
    from,
    index: BigInt(at?.index ?? 0),
    indexToken: at === undefined ? undefined : toWireToken(at.token),
    part,
    throughIndex: BigInt(through),
    haveIndex: BigInt(have),
  }
}

export function fromWireStateRequest(wire: FetchStateRequest): StateRequest {
  const { indexToken } = wire
  const at =
    indexToken === undefined ? undefined : { index: fromWireIndex(wire.index), token: fromWireToken(indexToken) }
  return {
    kind: 'state',
    token: fromWireToken(wire.token),
    at,
    part: wire.part,
    through: fromWireIndex(wire.throughIndex),
    have: fromWireIndex(wire.haveIndex),
  }
}

export function toWireStateResponse(response: StateResponse): FetchStateResponse {
  const { base, part, last } = response
  return {
    index: BigInt(base.index),
    indexToken: toWireToken(base.token),
    lineage: base.lineage.map((run) => ({ token: toWireToken(run.token), firstIndex: BigInt(run.first) })),
    part,
    last,
    entries: response.entries.map(toWireEntry),
    values: response.values.map(([key, stored]) => ({
      key: toWireKey(key),
      value: toWireValue(stored.value),
      index: BigInt(stored.index),
    })),
    sessions: response.sessions.map((record) => ({
      session: record.session,
      state: Buffer.from(encodeSession(record)),
    })),
  }
}

/**
 * A piece of a state as another node sent it, checked to be one of a log under `request.token`.
 *
 * @throws MeridianError INVALID_ARGUMENT when it cannot be one
 */
export function fromWireStateResponse(wire: FetchStateResponse, request: StateRequest): StateResponse {
  const base = fromWireBase(wire, request.token)
  const [first] = wire.entries
  // What comes first joins what has come, or the state; its token is checked against that when the log is put together.
  const previous = { index: Math.max(request.have, base.index), token: fromWireToken(first?.token) }

  const index = (value: bigint): number => {
    const at = fromWireIndex(value)
    if (at < 1 || at > base.index) throw invalid(`a value of entry ${at} in a state at ${base.index}`)
    return at
  }
  return {
    kind: 'state',
    base,
    part: wire.part,
    last: wire.last,
    entries: fromWireEntries(wire.entries, previous, request.token),
    // Copied: a view would keep the whole message alive as long as the value lives.
    values: wire.values.map((row) => [keyOfBytes(row.key), { value: Buffer.from(row.value), index: index(row.index) }]),
    sessions: wire.sessions.map(({ session, state }) => decodeSession(session, state)),
  }
}

function fromWireBase(wire: FetchStateResponse, tokenMax: Token): LogBase {
  const base = { index: fromWireIndex(wire.index), token: fromWireToken(wire.indexToken) }
  const lineage: TokenRun[] = []
  for (const { token, firstIndex } of wire.lineage) {
    const run = { token: fromWireToken(token), first: fromWireIndex(firstIndex) }
    const before = lineage.at(-1)
    const rises = before === undefined || (compareTokens(run.token, before.token) > 0 && run.first > before.first)
    if (!rises || run.first > base.index || compareTokens(run.token, tokenMax) > 0)
      throw invalid(`a run from ${run.first} on in the lineage of a state at ${base.index}`)
    lineage.push(run)
  }
  const last = runTokenAt(lineage, base.index)
  if (last === undefined || !tokensEqual(last, base.token)) throw invalid(`no lineage of entry ${base.index}`)
  return { ...base, lineage }
}

function invalid(what: string): MeridianError {
  return new MeridianError('INVALID_ARGUMENT', `the piece of a state makes no sense: ${what}`)
}
