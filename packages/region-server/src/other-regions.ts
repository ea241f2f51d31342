import type { OtherRegions, OwnerPage, StandbyPage } from '@meridian/region'
import type { RegionMap, Router } from '@meridian/router'
import { regionStream } from '@meridian/topology'
import type { NodeId, Page, RangeId, RegionId } from '@meridian/topology'

/** What this server needs of its own router. */
export type FollowedMap = Pick<Router, 'map' | 'subscribe' | 'follower'>

/** What was last passed on of one region. */
interface Seen {
  changes: number
  pages: ReadonlyMap<RangeId, Page>
  addresses: ReadonlyMap<NodeId, string>
}

/** The other regions' pages and nodes, as the server's own router has them from the feed. */
export class FedRegions implements OtherRegions, Disposable {
  readonly #own: RegionId
  readonly #router: FollowedMap
  readonly #listeners = new Set<(changed: readonly RangeId[] | undefined) => void>()
  readonly #seen = new Map<RegionId, Seen>()
  readonly #unsubscribe: () => void

  constructor(own: RegionId, router: FollowedMap) {
    this.#own = own
    this.#router = router
    this.#compare()
    this.#unsubscribe = router.subscribe(() => {
      const changed = this.#compare()
      if (changed?.length === 0) return
      for (const listener of this.#listeners) listener(changed)
    })
  }

  ownerPage(id: RangeId): OwnerPage | undefined {
    let best: OwnerPage | undefined
    for (const { region, pages } of this.#others()) {
      const page = pages.get(id)
      if (page?.role !== 'owner' || (best !== undefined && best.page.generation >= page.generation)) continue
      best = { region, page }
    }
    return best
  }

  standbyPages(id: RangeId): readonly StandbyPage[] {
    const found: StandbyPage[] = []
    for (const { region, pages, nodes } of this.#others()) {
      const page = pages.get(id)
      if (page?.role === 'standby') found.push({ region, page, addressOf: (node) => nodes.get(node)?.address })
    }
    return found
  }

  ageMs(region: RegionId): number | undefined {
    return this.#router.follower(regionStream(region))?.ageMs()
  }

  subscribe(listener: (changed: readonly RangeId[] | undefined) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  *#others(): Generator<RegionMap> {
    for (const region of this.#router.map.global.regions.keys()) {
      if (region !== this.#own) yield this.#router.map.region(region)
    }
  }

  /** Ranges whose pages are others than last time; undefined when an address is, which may be told of any of them. */
  #compare(): RangeId[] | undefined {
    const changed = new Set<RangeId>()
    let moved = false
    for (const { region, changes, pages, nodes } of this.#others()) {
      const seen = this.#seen.get(region)
      if (seen?.changes === changes) continue
      for (const [id, page] of pages) if (seen?.pages.get(id) !== page) changed.add(id)
      for (const id of seen?.pages.keys() ?? []) if (!pages.has(id)) changed.add(id)
      const addresses = new Map([...nodes].map(([id, { address }]) => [id, address]))
      moved ||= [...addresses].some(([id, address]) => seen?.addresses.get(id) !== address)
      this.#seen.set(region, { changes, pages: new Map(pages), addresses })
    }
    return moved ? undefined : [...changed]
  }
}
