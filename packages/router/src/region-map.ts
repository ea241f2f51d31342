import { decodeNode, decodePage, NODE_PREFIX, PAGE_PREFIX } from '@meridian/topology'
import type { NodeId, NodeRecord, Page, RangeId, RegionId } from '@meridian/topology'

/** What one region's stream says, decoded: its pages by range, its nodes by id. */
export class RegionMap {
  readonly region: RegionId
  readonly #pages = new Map<RangeId, Page>()
  readonly #nodes = new Map<NodeId, NodeRecord>()
  #changes = 0

  constructor(region: RegionId) {
    this.region = region
  }

  /** Rises with every change: whoever has seen everything at this number has missed nothing. */
  get changes(): number {
    return this.#changes
  }

  get nodes(): ReadonlyMap<NodeId, NodeRecord> {
    return this.#nodes
  }

  get pages(): ReadonlyMap<RangeId, Page> {
    return this.#pages
  }

  /** Replaces everything by the records of a snapshot. */
  reset(records: Iterable<readonly [string, Uint8Array]>): void {
    this.#changes += 1
    this.#pages.clear()
    this.#nodes.clear()
    for (const [key, value] of records) this.put(key, value)
  }

  /** Records under other prefixes are passed over: a newer publisher may send kinds this build does not know. */
  put(key: string, value: Uint8Array): void {
    this.#changes += 1
    if (key.startsWith(PAGE_PREFIX)) {
      const page = decodePage(value)
      this.#pages.set(page.rangeId, page)
    } else if (key.startsWith(NODE_PREFIX)) {
      const node = decodeNode(value)
      this.#nodes.set(node.nodeId, node)
    }
  }

  remove(key: string): void {
    this.#changes += 1
    if (key.startsWith(PAGE_PREFIX)) this.#pages.delete(Number(key.slice(PAGE_PREFIX.length)) as RangeId)
    else if (key.startsWith(NODE_PREFIX)) this.#nodes.delete(key.slice(NODE_PREFIX.length) as NodeId)
  }
}
