import type { Position, StreamId } from '@meridian/topology'

/** All published records of one stream at one position. */
export interface Snapshot {
  readonly stream: StreamId
  readonly position: Position
  readonly records: ReadonlyMap<string, Uint8Array>
  /** Digest of `records`, 16 hex digits; a fetched snapshot whose digest does not match is discarded. */
  readonly digest: string
}

/** Where a follower gets a snapshot: a region server, or in tests anything. Throws MeridianError UNAVAILABLE. */
export interface SnapshotSource {
  fetch(stream: StreamId, signal: AbortSignal): Promise<Snapshot>
}

/** One record of a stream before and after: undefined means absent. */
export interface RecordChange {
  readonly key: string
  readonly value: Uint8Array | undefined
}
