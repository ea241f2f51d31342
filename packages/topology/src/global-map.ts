import type { RegionId } from './ids.ts'
import type { RegionRecord } from './node-record.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { RangeMap } from './range-map.ts'
import { decodeRange, decodeRegion } from './record-codec.ts'
import { MEMBER_PREFIX, RANGE_PREFIX } from './records.ts'

/** What the records of the global tier say, decoded once per change: the range map and the regions. Others are passed over. */
export class GlobalMap {
  #ranges = RangeMap.empty
  readonly #byKey = new Map<string, RangeDescriptor>()
  readonly #regions = new Map<RegionId, RegionRecord>()

  get ranges(): RangeMap {
    return this.#ranges
  }

  get regions(): ReadonlyMap<RegionId, RegionRecord> {
    return this.#regions
  }

  reset(records: Iterable<readonly [string, Uint8Array]>): void {
    this.#ranges = RangeMap.empty
    this.#byKey.clear()
    this.#regions.clear()
    this.apply([...records].map(([key, value]) => ({ key, value })))
  }

  apply(changes: Iterable<{ readonly key: string; readonly value: Uint8Array | undefined }>): void {
    const puts: RangeDescriptor[] = []
    const removes: RangeDescriptor[] = []
    for (const { key, value } of changes) {
      if (key.startsWith(RANGE_PREFIX)) {
        const known = this.#byKey.get(key)
        if (value !== undefined) {
          const range = decodeRange(value)
          this.#byKey.set(key, range)
          puts.push(range)
        } else if (known !== undefined) {
          this.#byKey.delete(key)
          removes.push(known)
        }
      } else if (key.startsWith(MEMBER_PREFIX)) {
        const region = key.slice(MEMBER_PREFIX.length) as RegionId
        if (value === undefined) this.#regions.delete(region)
        else this.#regions.set(region, decodeRegion(value))
      }
    }
    if (puts.length > 0 || removes.length > 0) this.#ranges = this.#ranges.apply(puts, removes)
  }
}
