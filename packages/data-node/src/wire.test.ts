import { AppendRequest } from '@meridian/protocol'
import { keyOfBytes, parseShardId, token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { LogEntry } from './replica/log-entry.ts'
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
        toWireAppend(parseShardId('1.0'), 'n1', {
          kind: 'append',
          token: token(2n ** 63n - 1n, epoch),
          previous: { index: 4, token: token(2n ** 63n - 1n, previousEpoch) },
          entries,
          commitIndex: 3,
        }),
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
})
