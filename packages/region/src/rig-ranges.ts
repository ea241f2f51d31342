import {
  generation,
  keyOfText,
  keyspaceName,
  MeridianError,
  operationId,
  rangeContains,
  rangeId,
  regionId,
} from '@meridian/topology'
import type {
  Key,
  KeyspaceName,
  Page,
  RangeDescriptor,
  RangeId,
  RangeStatus,
  RegionId,
  Revision,
} from '@meridian/topology'
import type { OtherRegions, OwnerPage, StandbyPage } from './other-regions.ts'
import type { OwnedRanges } from './owned-ranges.ts'

/** For the tests of this package: what a region server sees of G and of the other regions. */

/**
 * `7:a-m#3` is range 7, [a, m), generation 3, active; `@us` another owner, `@us/eu` with standbys; `?` vacant, `>` moving,
 * `=` frozen; `!t1` the operation that wrote it.
 */
export function range(text: string): RangeDescriptor {
  const match = /^(\d+):([^-]*)-([^@#?>=!]*)(?:@([a-z]+)((?:\/[a-z]+)*))?(?:#(\d+))?([?>=])?(?:!(\w+))?$/.exec(text)
  if (match === null) throw new Error(`no range: ${text}`)
  const [, id, start = '', end = '', owner = 'eu', standbys = '', gen = '1', mark = '', operation = 'rig'] = match
  return {
    rangeId: rangeId(Number(id)),
    keyspace: keyspaceName('cities'),
    start: keyOfText(start),
    end: keyOfText(end),
    owner: regionId(owner),
    standbys: standbys.split('/').filter(Boolean).map(regionId),
    generation: generation(BigInt(gen)),
    status: STATUS_OF_MARK[mark] ?? 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId(operation),
    stamp: { wallMs: 1, counter: 0, origin: 'rig' },
  }
}

const STATUS_OF_MARK: Readonly<Record<string, RangeStatus>> = { '?': 'vacant', '>': 'moving', '=': 'frozen' }

/** G, as far as this package looks at it. */
export class RigRanges implements OwnedRanges {
  #ranges: readonly RangeDescriptor[] = []
  #revision = 100n
  /** While true, G cannot be reached. */
  cut = false
  /** Linearizable reads of G. */
  reads = 0
  readonly #listeners = new Set<() => void>()

  get revision(): Revision {
    return this.#revision as Revision
  }

  catchUp(): Promise<void> {
    this.reads += 1
    return this.cut ? Promise.reject(new MeridianError('UNAVAILABLE', 'G is cut off')) : Promise.resolve()
  }

  set(...texts: string[]): void {
    this.#ranges = texts.map(range)
    this.#revision += 1n
    for (const listener of this.#listeners) listener()
  }

  ranges(): Iterable<RangeDescriptor> {
    return this.#ranges
  }

  get(id: RangeId): RangeDescriptor | undefined {
    return this.#ranges.find((each) => each.rangeId === id)
  }

  find(keyspace: KeyspaceName, key: Key): RangeDescriptor | undefined {
    return this.#ranges.find((each) => each.keyspace === keyspace && rangeContains(each, key))
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** What the feed delivered of other regions. */
export class RigOthers implements OtherRegions {
  /** How old the feed of a region is, ms; 0 when nothing is said. */
  readonly ages = new Map<RegionId, number>()
  readonly #owners = new Map<RangeId, OwnerPage>()
  readonly #standbys = new Map<string, StandbyPage>()
  readonly #listeners = new Set<(changed: readonly RangeId[] | undefined) => void>()

  /** Another region's page, whatever its role; nodes have the address `<id>.<region>:7001`. */
  put(region: string, page: Page): void {
    const name = regionId(region)
    if (page.role === 'owner') this.#owners.set(page.rangeId, { region: name, page })
    else
      this.#standbys.set(`${page.rangeId}@${region}`, { region: name, page, addressOf: (id) => `${id}.${region}:7001` })
    this.#changed([page.rangeId])
  }

  drop(region: string, id: RangeId): void {
    if (this.#owners.get(id)?.region === region) this.#owners.delete(id)
    this.#standbys.delete(`${id}@${region}`)
    this.#changed([id])
  }

  ownerPage(id: RangeId): OwnerPage | undefined {
    return this.#owners.get(id)
  }

  standbyPages(id: RangeId): readonly StandbyPage[] {
    return [...this.#standbys.values()].filter(({ page }) => page.rangeId === id)
  }

  ageMs(region: RegionId): number {
    return this.ages.get(region) ?? 0
  }

  subscribe(listener: (changed: readonly RangeId[] | undefined) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #changed(ids: readonly RangeId[]): void {
    for (const listener of this.#listeners) listener(ids)
  }
}
