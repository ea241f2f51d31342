import { Envelope } from '@meridian/protocol'
import { incarnation, MeridianError, parseStreamId, revision } from '@meridian/topology'
import type { Position, Revision, StreamId } from '@meridian/topology'
import type { RecordChange } from './snapshot.ts'

/** The changes of one revision, chained to the one published before it. */
export interface FeedUpdate {
  readonly position: Position
  /** The chain's link before this one: always below `position.revision`. */
  readonly previous: Revision
  readonly changes: readonly RecordChange[]
  /** Size on the wire, by which buffers of updates are bounded. */
  readonly bytes: number
}

export interface FeedBeacon {
  /** Revision of the last update, or of the snapshot the publisher began from when it has sent none. */
  readonly position: Position
  /** Of all published records at `position`, 16 hex digits. */
  readonly digest: string
  /** Sortable text of the publisher's HLC stamp; tells a repeated or overtaken beacon from news. */
  readonly stamp: string
  /** How long before sending the publisher last knew that it had seen everything, ms. */
  readonly lagMs: number
}

export type FeedMessage =
  | { readonly kind: 'update'; readonly stream: StreamId; readonly update: FeedUpdate }
  | { readonly kind: 'beacon'; readonly stream: StreamId; readonly beacon: FeedBeacon }

export interface Sender {
  readonly stream: StreamId
  readonly stamp: string
  readonly publisher: string
}

export function encodeUpdate(sender: Sender, update: Omit<FeedUpdate, 'bytes'>): Uint8Array {
  const { position, previous, changes } = update
  return Envelope.encode({
    body: {
      $case: 'update',
      value: {
        ...sender,
        incarnation: position.incarnation,
        revision: position.revision,
        previous,
        records: changes.map(({ key, value }) => ({ key, value: value === undefined ? undefined : asBuffer(value) })),
      },
    },
  }).finish()
}

export function encodeBeacon(sender: Sender, beacon: Omit<FeedBeacon, 'stamp'>): Uint8Array {
  const { position, digest, lagMs } = beacon
  return Envelope.encode({
    body: {
      $case: 'beacon',
      value: {
        ...sender,
        incarnation: position.incarnation,
        revision: position.revision,
        digest,
        lagMs: BigInt(Math.max(0, Math.round(lagMs))),
      },
    },
  }).finish()
}

/** Throws whatever is wrong with bytes that came over the bus: nothing on it is trusted before this. */
export function decodeFeedMessage(payload: Uint8Array): FeedMessage {
  const { body } = Envelope.decode(payload)
  if (body === undefined) throw malformed('neither update nor beacon')
  const stream = parseStreamId(body.value.stream)
  const position = { incarnation: incarnation(body.value.incarnation), revision: revision(body.value.revision) }
  switch (body.$case) {
    case 'update': {
      const previous = revision(body.value.previous)
      if (previous >= position.revision) throw malformed(`revision ${position.revision} after ${previous}`)
      const changes = body.value.records.map(({ key, value }) => ({ key, value }))
      return { kind: 'update', stream, update: { position, previous, changes, bytes: payload.length } }
    }
    case 'beacon': {
      const { digest, stamp, lagMs } = body.value
      if (!DIGEST.test(digest)) throw malformed('digest is not 16 hex digits')
      return { kind: 'beacon', stream, beacon: { position, digest, stamp, lagMs: Number(lagMs) } }
    }
  }
}

const DIGEST = /^[0-9a-f]{16}$/

function malformed(what: string): MeridianError {
  return new MeridianError('INVALID_ARGUMENT', `no feed message: ${what}`)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
