import { fromWirePosition, toWirePosition, toWireRecord } from '@meridian/protocol'
import type { GetSnapshotResponse, MapServiceDefinition, WireRecord } from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import { MeridianError, parseStreamId } from '@meridian/topology'
import type { Parts } from './parts.ts'

/** Bytes of records in one chunk of a snapshot. */
const CHUNK_BYTES = 512 * 1024
/** Streams one report may name. */
const STREAMS_MAX = 64
const NAME_CHARS_MAX = 64

export function mapHandlers(parts: Parts): HandlersOf<typeof MapServiceDefinition> {
  return {
    getSnapshot: async function* ({ stream }) {
      const snapshot = parts().snapshot(parseStreamId(stream))
      if (snapshot === undefined)
        throw new MeridianError('UNAVAILABLE', `this server does not hold stream ${stream} yet`)
      const position = toWirePosition(snapshot.position)
      let records: WireRecord[] = []
      let bytes = 0
      for (const [key, value] of snapshot.records) {
        records.push(toWireRecord(key, value))
        bytes += key.length + value.length
        if (bytes < CHUNK_BYTES) continue
        yield { position, records, digest: '' } satisfies GetSnapshotResponse
        records = []
        bytes = 0
      }
      // The digest comes last, so that a stream cut short is told from a whole one.
      yield { position, records, digest: snapshot.digest }
    },

    reportPositions: ({ follower, life, positions }) => {
      const { followers, clock } = parts()
      if (follower.length > NAME_CHARS_MAX || life.length > NAME_CHARS_MAX || positions.length > STREAMS_MAX) {
        throw new MeridianError('REQUEST_TOO_LARGE', 'a report names too much')
      }
      const reported = new Map(positions.map((each) => [parseStreamId(each.stream), fromWirePosition(each.position)]))
      followers.report(follower, life, reported, clock.nowMs())
      return Promise.resolve({})
    },
  }
}
