import { EMPTY_KEY } from '@meridian/topology'
import type { Page, RangeDescriptor, RangeId } from '@meridian/topology'
import type { PageIndex } from './page-world.ts'
import type { StoredPage } from './region-view.ts'

/** Ranges that want a page of their generation, with the old pages they come from: a split or merge is one family. */
export interface Family {
  /** Owned here. */
  readonly owned: RangeDescriptor[]
  /** Followed here. */
  readonly followed: RangeDescriptor[]
  readonly old: StoredPage[]
}

export function familiesOf(index: PageIndex): Family[] {
  const { world } = index
  const families = new Set<Family>()
  const familyOf = new Map<RangeId, Family>()
  const wanted = new Map<RangeId, 'owned' | 'followed'>()
  for (const range of world.ranges) {
    const want = wantOf(index, range)
    if (want !== undefined) wanted.set(range.rangeId, want)
  }
  const join = (cover: readonly RangeDescriptor[], stored: StoredPage | undefined): void => {
    const joined: Family = { owned: [], followed: [], old: stored === undefined ? [] : [stored] }
    for (const range of cover) {
      const want = wanted.get(range.rangeId)
      if (want === undefined) continue
      const known = familyOf.get(range.rangeId)
      if (known === undefined) joined[want].push(range)
      else if (families.delete(known)) {
        joined.owned.push(...known.owned)
        joined.followed.push(...known.followed)
        joined.old.push(...known.old)
      }
    }
    for (const range of [...joined.owned, ...joined.followed]) familyOf.set(range.rangeId, joined)
    families.add(joined)
  }
  for (const stored of world.pages.values()) {
    const cover = supersedersOf(index, stored.page)
    if (cover !== undefined) join(cover, stored)
  }
  for (const id of wanted.keys()) {
    const range = index.range(id)
    if (range !== undefined && !familyOf.has(id)) join([range], undefined)
  }
  return [...families]
}

/**
 * The ranges that came after a page. Evidence is a newer generation for every key of it, never the absence of its range.
 */
function supersedersOf(index: PageIndex, page: Page): RangeDescriptor[] | undefined {
  if (index.range(page.rangeId)?.generation === page.generation) return undefined
  const cover = index.rangesOver(page)
  return tiles(cover, page) && cover.every((range) => range.generation > page.generation) ? cover : undefined
}

function wantOf(index: PageIndex, range: RangeDescriptor): 'owned' | 'followed' | undefined {
  const duty = index.dutyOf(range)
  if (duty === undefined) return undefined
  if (index.world.pages.get(range.rangeId)?.page.generation === range.generation) return undefined
  // A page above the range's generation: this server's view of G is behind the one that wrote it.
  if (index.pagesOver(range).some((page) => page.generation >= range.generation)) return undefined
  return duty === 'owner' ? 'owned' : 'followed'
}

/** `cover` in key order. */
function tiles(cover: readonly RangeDescriptor[], page: Page): boolean {
  const first = cover[0]
  const last = cover.at(-1)
  if (first === undefined || last === undefined || first.start > page.start) return false
  if (last.end !== EMPTY_KEY && (page.end === EMPTY_KEY || last.end < page.end)) return false
  return cover.every((range, place) => place === 0 || cover[place - 1]?.end === range.start)
}
