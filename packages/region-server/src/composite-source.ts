import type { Snapshot, SnapshotSource } from '@meridian/feed'
import type { StreamId } from '@meridian/topology'

/** Own streams from this server's own mirrors, those of other regions from their servers. */
export function compositeSource(
  own: (stream: StreamId) => Snapshot | undefined,
  elsewhere: SnapshotSource,
): SnapshotSource {
  return {
    fetch: async (stream, signal) => own(stream) ?? (await elsewhere.fetch(stream, signal)),
  }
}
