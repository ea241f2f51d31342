import type { StreamId } from '@meridian/topology'

/** One subject per stream, for updates and beacons alike: what they say of each other survives the order they came in. */
export function feedSubject(stream: StreamId): string {
  return `meridian.feed.${stream}`
}
