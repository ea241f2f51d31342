import type { StandbyFacts } from '@meridian/global'
import type { GlobalView } from '@meridian/global'
import type { OtherRegions, RegionView } from '@meridian/region'
import type { Page, RangeId, RegionId } from '@meridian/topology'

/** What this server knows of a region's copy of a range: of its own from its store, of the others from the feed. */
export function standbyFactsOf(
  own: RegionId,
  sources: {
    readonly globalView: GlobalView
    readonly regionView: RegionView
    readonly others: Pick<OtherRegions, 'standbyPages'>
  },
): (range: RangeId, region: RegionId) => StandbyFacts {
  const { globalView, regionView, others } = sources
  const pageOf = (range: RangeId, region: RegionId): Page | undefined =>
    region === own
      ? regionView.pages.get(range)?.page
      : others.standbyPages(range).find((standby) => standby.region === region)?.page
  return (range, region) => {
    const page = pageOf(range, region)
    return { hasPage: page?.role === 'standby' && page.generation === globalView.range(range)?.generation }
  }
}
