import { encodePage } from '@meridian/topology'
import type { MeridianError, Page, RangeId } from '@meridian/topology'
import { settle } from './page-adoption.ts'
import { Drain } from './page-drain.ts'
import { familiesOf } from './page-families.ts'
import { changedShards, frozenAsG, isForeign, lead, needsLeaders } from './page-leaders.ts'
import { PAGE_PURPOSES, PageIndex } from './page-world.ts'
import type { PagePlan, PageTxn, PageWorld } from './page-world.ts'
import { RegionLimits } from './region-timing.ts'
import type { StoredPage } from './region-view.ts'

/** Everything that the pages of a region need now, in the order in which to do it. Pure. */
export function planPages(world: PageWorld): PagePlan {
  const index = new PageIndex(world)
  const refusals: { rangeId: RangeId; error: MeridianError }[] = []
  const txns: PageTxn[] = []
  const touched = new Set<RangeId>()
  for (const family of familiesOf(index)) {
    const settled = settle(index, family)
    refusals.push(...settled.refusals)
    for (const txn of settled.txns) {
      txns.push(txn)
      for (const id of txn.expects.keys()) touched.add(id)
    }
  }
  const drain = new Drain(index)
  for (const stored of world.pages.values()) {
    if (touched.has(stored.page.rangeId)) continue
    const txn = stored.page.role === 'owner' ? mended(index, stored, drain) : unfollowed(index, stored)
    if (txn !== undefined) txns.push(txn)
  }
  const order = (a: PageTxn, b: PageTxn): number =>
    PAGE_PURPOSES.indexOf(a.purpose) - PAGE_PURPOSES.indexOf(b.purpose) || b.shards - a.shards
  return { txns: packed(txns.toSorted(order)), handOvers: drain.handOvers, refusals }
}

/** What an owner's page needs under the generation it has. Nearly every page needs nothing: it allocates nothing then. */
function mended(index: PageIndex, { page }: StoredPage, drain: Drain): PageTxn | undefined {
  if (isForeign(index, page)) return undefined
  const frozen = frozenAsG(page, index.range(page.rangeId), index.world.rangesRevision)
  const led = needsLeaders(index, frozen) ? lead(index, frozen) : frozen
  const after = led === page ? drain.relieved(page) : led
  if (after === page) return undefined
  const shards = changedShards(page, after)
  if (shards === 0) return undefined
  return index.txn(frozen !== page ? 'own' : led === page ? 'tidy' : 'lead', [after], [], shards)
}

/** The end of a standby page whose range this region follows no more. */
function unfollowed(index: PageIndex, { page }: StoredPage): PageTxn | undefined {
  const range = index.range(page.rangeId)
  if (range?.generation !== page.generation || index.dutyOf(range) !== undefined) return undefined
  return index.world.isUnfollowed(page.rangeId) ? index.txn('tidy', [], [page.rangeId]) : undefined
}

/** Independent transactions of one purpose, joined up to the bounds of a transaction. */
function packed(txns: readonly PageTxn[]): PageTxn[] {
  const result: PageTxn[] = []
  let bytes = 0
  for (const txn of txns) {
    const last = result.at(-1)
    const size = bytesOf(txn.puts)
    const fits =
      last?.purpose === txn.purpose &&
      last.expects.size + txn.expects.size <= RegionLimits.pagesPerTxnMax &&
      bytes + size <= RegionLimits.pageBytesPerTxnMax
    if (!fits) {
      result.push(txn)
      bytes = size
      continue
    }
    bytes += size
    result[result.length - 1] = {
      purpose: txn.purpose,
      expects: new Map([...last.expects, ...txn.expects]),
      puts: [...last.puts, ...txn.puts],
      deletes: [...last.deletes, ...txn.deletes],
      shards: last.shards + txn.shards,
    }
  }
  return result
}

function bytesOf(pages: readonly Page[]): number {
  return pages.reduce((sum, page) => sum + encodePage(page).length, 0)
}
