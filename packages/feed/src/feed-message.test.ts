import { Envelope } from '@meridian/protocol'
import { incarnation, parseStreamId, revision } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFeedMessage, encodeBeacon, encodeUpdate } from './feed-message.ts'

const sender = { stream: parseStreamId('e.eu-west'), stamp: '0001', publisher: 'server-1' }
const position = { incarnation: incarnation(3), revision: revision(2n ** 62n) }

describe('messages of the feed', () => {
  it('an update comes out as it went in', () => {
    const changes = [
      { key: '/page/0000000001', value: Buffer.from([0, 255]) },
      { key: '/node/empty', value: Buffer.alloc(0) },
      { key: '/node/gone', value: undefined },
    ]
    const payload = encodeUpdate(sender, { position, previous: revision(7), changes })
    expect(decodeFeedMessage(payload)).toEqual({
      kind: 'update',
      stream: sender.stream,
      update: { position, previous: 7n, changes, bytes: payload.length },
    })
  })

  it('a beacon comes out as it went in, its lag in whole milliseconds', () => {
    const beacon = { position, digest: '0123456789abcdef' }
    expect(decodeFeedMessage(encodeBeacon(sender, { ...beacon, lagMs: 12.6 }))).toEqual({
      kind: 'beacon',
      stream: sender.stream,
      beacon: { ...beacon, stamp: '0001', lagMs: 13 },
    })
  })

  it('nothing that cannot be is let in', () => {
    const update = { ...sender, incarnation: 1n, revision: 5n, previous: 4n, records: [] }
    const beacon = { ...sender, incarnation: 1n, revision: 5n, digest: '0123456789abcdef', lagMs: 0n }
    const bodies: Envelope['body'][] = [
      undefined,
      { $case: 'update', value: { ...update, previous: 5n } },
      { $case: 'update', value: { ...update, revision: 2n ** 64n - 1n } },
      { $case: 'update', value: { ...update, stream: 'e.No Region' } },
      { $case: 'beacon', value: { ...beacon, digest: 'short' } },
      { $case: 'beacon', value: { ...beacon, stream: '' } },
    ]
    for (const body of bodies) {
      const payload = Envelope.encode({ body }).finish()
      expect(() => decodeFeedMessage(payload)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    }
  })

  it('a changed byte is a message or an error, never anything else', () => {
    const good = encodeUpdate(sender, {
      position,
      previous: revision(7),
      changes: [{ key: '/node/a', value: Buffer.from('v') }],
    })
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        const bad = good.slice()
        bad[index] = (bad[index] ?? 0) ^ flip
        try {
          expect(['update', 'beacon']).toContain(decodeFeedMessage(bad).kind)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })
})
