import type { RegionView } from '@meridian/region'
import type { Router } from '@meridian/router'
import type { NodeId, Page, RangeId, RegionId } from '@meridian/topology'

/** The pages of one region, and where its nodes are. */
export interface RegionSight {
  readonly page: (range: RangeId) => Page | undefined
  /** Undefined: no such node is known. */
  readonly addressOf: (node: NodeId) => string | undefined
}

export interface SightSources {
  readonly region: RegionId
  readonly regionView: Pick<RegionView, 'pages' | 'nodes'>
  readonly router: Pick<Router, 'map'>
}

/** A server sees its own region's tier itself, and the others as its router follows them. */
export function regionSights({ region: own, regionView, router }: SightSources): (region: RegionId) => RegionSight {
  return (region) =>
    region === own
      ? {
          page: (range) => regionView.pages.get(range)?.page,
          addressOf: (node) => regionView.nodes.get(node)?.node.address,
        }
      : {
          page: (range) => router.map.region(region).pages.get(range),
          addressOf: (node) => router.map.region(region).nodes.get(node)?.address,
        }
}
