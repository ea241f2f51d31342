import { MeridianError, regionId } from '@meridian/topology'
import { REASON_CHARS_MAX } from '@meridian/protocol'
import type { RegionId } from '@meridian/topology'
import type { ServerParts } from './parts.ts'

/** A name that no member of the fleet has would own keys that nobody serves. */
export function knownRegion(server: Pick<ServerParts, 'globalView'>, text: string): RegionId {
  const region = regionId(text)
  if (server.globalView.regions.has(region)) return region
  const known = [...server.globalView.regions.keys()].toSorted().join(', ')
  throw new MeridianError('REGION_UNKNOWN', `no region ${region} has joined; known are: ${known || 'none'}`)
}

export function bounded<T>(what: string, items: readonly T[], max: number): readonly T[] {
  if (items.length <= max) return items
  throw new MeridianError('REQUEST_TOO_LARGE', `${items.length} ${what} in one request; at most ${max}`)
}

/** What somebody says of why. @throws MeridianError REQUEST_TOO_LARGE */
export function checkedReason(text: string): string {
  if (text.length > REASON_CHARS_MAX * 2 || Array.from(text).length > REASON_CHARS_MAX) {
    throw new MeridianError('REQUEST_TOO_LARGE', `a reason has at most ${REASON_CHARS_MAX} characters`)
  }
  return text
}
