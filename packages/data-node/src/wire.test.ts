import { AppendRequest, FetchStateRequest, FetchStateResponse } from '@meridian/protocol'
import { keyOfBytes, nodeId, parseShardId, token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { LogEntry } from './replica/log-entry.ts'
import { fromWireStateRequest, fromWireStateResponse, toWireStateRequest, toWireStateResponse } from './wire-state.ts'
import { decodeEntry, encodeEntry, fromWireAppend, fromWireIndex, toWireAppend } from './wire.ts'

const entry = (index: number, epoch: number): LogEntry => ({
  index,
  token: token(2n ** 63n - 1n, epoch),
  session: 's',
  items: [
    { sequence: 2n ** 63n - 1n, key: keyOfBytes(Buffer.from([0, 255])), value: Buffer.from([1, 0]) },
    { sequence: 0n, key: keyOfBytes(Buffer.alloc(0)), value: Buffer.alloc(0) },
    { sequence: 1n, key: keyOfBytes(Buffer.from('k')), value: undefined },
  ],
})

const append = (previousEpoch: number, entries: readonly LogEntry[], epoch = 9) =>
  fromWireAppend(
    AppendRequest.decode(
      AppendRequest.encode(
        toWireAppend(
          parseShardId('1.0'),
          { nodeId: nodeId('n1'), address: 'n1:1' },
          {
            kind: 'append',
            token: token(2n ** 63n - 1n, epoch),
            previous: { index: 4, token: token(2n ** 63n - 1n, previousEpoch) },
            entries,
            commitIndex: 3,
            install: false,
          },
        ),
      ).finish(),
    ),
  )

describe('what crosses the wire', () => {
  it('keeps entries as they are: an empty value is not a deletion', () => {
    expect(decodeEntry(encodeEntry(entry(5, 1)))).toEqual(entry(5, 1))
    expect(append(1, [entry(5, 1), entry(6, 2)]).entries).toEqual([entry(5, 1), entry(6, 2)])
  })

  it.each([
    ['a gap', 1, [entry(6, 1)]],
    ['a repetition', 1, [entry(5, 1), entry(5, 1)]],
    ['a token below the one before', 2, [entry(5, 1)]],
    ['a token that falls', 1, [entry(5, 3), entry(6, 2)]],
    ['a token above the request', 1, [entry(5, 10)]],
  ])('refuses %s', (_what, previousEpoch, entries) => {
    expect(() => append(previousEpoch, entries)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  it('refuses a position that no log reaches', () => {
    expect(() => fromWireIndex(2n ** 60n)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  it('keeps a piece of a state as it is, and refuses one that is of no log', () => {
    const lineage = [
      { token: token(1, 2), first: 1 },
      { token: token(2, 1), first: 5 },
    ]
    const response = {
      kind: 'state' as const,
      base: { index: 7, token: token(2, 1), lineage },
      part: 3,
      last: true,
      entries: [{ ...entry(8, 1), token: token(2, 1) }],
      values: [[keyOfBytes(Buffer.from('k')), { value: Buffer.from('v'), index: 6 }]] as const,
      sessions: [{ session: 's', touched: 6, floor: 1n, runs: [{ first: 2n, last: 4n, index: 6 }] }],
    }
    const request = { kind: 'state' as const, token: token(2, 3), at: response.base, part: 3, through: 8, have: 0 }
    const asked = toWireStateRequest(parseShardId('1.0'), nodeId('n1'), request)
    expect(fromWireStateRequest(FetchStateRequest.decode(FetchStateRequest.encode(asked).finish()))).toEqual({
      ...request,
      at: { index: 7, token: token(2, 1) },
    })
    const sent = toWireStateResponse(response)
    const arrived = FetchStateResponse.decode(FetchStateResponse.encode(sent).finish())
    expect(fromWireStateResponse(arrived, request)).toEqual(response)
    const broken = [
      { ...arrived, lineage: arrived.lineage.toReversed() },
      { ...arrived, lineage: [] },
      { ...arrived, index: 4n },
      { ...arrived, values: arrived.values.map((row) => ({ ...row, index: 8n })) },
      { ...arrived, entries: arrived.entries.map((each) => ({ ...each, index: 9n })) },
    ]
    for (const wrong of [
      ...broken.map((wire) => ({ wire, request })),
      { wire: arrived, request: { ...request, token: token(1, 9) } },
    ]) {
      expect(() => fromWireStateResponse(wrong.wire, wrong.request)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      )
    }
  })
})
