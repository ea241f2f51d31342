import { MeridianError } from './errors.ts'
import { regionId } from './ids.ts'
import type { RegionId } from './ids.ts'
import type { Incarnation, Revision } from './token.ts'

/** A stream of the feed: `g` is the global tier, `e.<region>` one region's. */
export type StreamId = ('g' | `e.${string}`) & { readonly __brand: 'StreamId' }

export const GLOBAL_STREAM = 'g' as StreamId

export function regionStream(region: RegionId): StreamId {
  return `e.${region}` as StreamId
}

export function parseStreamId(text: string): StreamId {
  if (text === 'g') return GLOBAL_STREAM
  if (text.startsWith('e.')) return regionStream(regionId(text.slice(2)))
  throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no stream: "g" or "e.<region>"`)
}

/** The region of a regional stream, undefined for the global one. */
export function streamRegion(stream: StreamId): RegionId | undefined {
  return stream === GLOBAL_STREAM ? undefined : (stream.slice(2) as RegionId)
}

/** How far somebody has followed one stream. Compared first by incarnation, then by revision. */
export interface Position {
  readonly incarnation: Incarnation
  readonly revision: Revision
}

export const START_POSITION: Position = { incarnation: 0n as Incarnation, revision: 0n as Revision }

export function comparePositions(a: Position, b: Position): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1
  if (a.revision !== b.revision) return a.revision < b.revision ? -1 : 1
  return 0
}
