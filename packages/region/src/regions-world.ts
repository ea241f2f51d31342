import { decideOwnership, keyOfText, keyspaceName, operationId, RangeMap, rangeId, regionId } from '@meridian/topology'
import type {
  Key,
  NodeRecord,
  OwnershipCommand,
  Page,
  RangeDescriptor,
  RangeId,
  RegionId,
  Revision,
} from '@meridian/topology'
import { nodeEpoch, nodeId, zoneId } from '@meridian/topology'
import { planPages } from './page-plan.ts'
import type { PageTxn, PageWorld } from './page-world.ts'
import type { StoredPage } from './region-view.ts'

/**
 * For tests: three regions over one G, each with two servers whose views of G and of the other regions lag as they
 * like, and of which one at a time is controller. The truth is the history of G; who looks at it is told.
 */

export const REGIONS = ['ap', 'eu', 'us'].map(regionId)
const CITIES = keyspaceName('cities')
const BOUNDS = ['', 'g', 'p'].map(keyOfText)

/** What breaks the rules on purpose, to see that the checks see it. */
export type Mutant = 'thaws whatever it sees' | 'drops what it does not see followed'

interface GlobalState {
  readonly atMs: number
  readonly map: RangeMap
}

/** One server of a region: what it sees, and since when. */
interface Server {
  /** Place in the history of G. */
  seen: number
  /** When its view was last known to lack nothing. */
  provenMs: number
  /** Places in the histories of the other regions' pages. */
  readonly heard: Map<RegionId, number>
  /** As `ControllerState`; forgotten at each election. */
  unfollowedMs: Map<RangeId, number>
}

interface RegionState {
  readonly servers: readonly [Server, Server]
  controller: 0 | 1
  pages: ReadonlyMap<RangeId, StoredPage>
  /** Everything its pages ever were, for the feed. */
  readonly history: ReadonlyMap<RangeId, Page>[]
  readonly nodes: readonly NodeRecord[]
}

export class RegionsWorld {
  readonly violations: string[] = []
  /** How often what happened. */
  readonly happened = new Map<string, number>()
  readonly #mutant: Mutant | undefined
  readonly #regions = new Map<RegionId, RegionState>()
  readonly #globals: GlobalState[] = []
  /** Place in the history of G that the writer of each page saw. */
  readonly #writtenAt = new Map<string, number>()
  #nowMs = 0
  #revision = 1n
  #operations = 0
  #nextRangeId = 1

  constructor(mutant?: Mutant) {
    this.#mutant = mutant
    for (const region of REGIONS) {
      const server = (): Server => ({
        seen: 0,
        provenMs: 0,
        heard: new Map(),
        unfollowedMs: new Map(),
      })
      this.#regions.set(region, {
        servers: [server(), server()],
        controller: 0,
        pages: new Map(),
        history: [new Map()],
        nodes: ['1', '2', '3', '4'].map((name) => node(region, name)),
      })
    }
    this.#globals.push({ atMs: 0, map: RangeMap.empty })
    this.command({ kind: 'create-keyspace', keyspace: CITIES, owner: regionId('eu'), standbys: [regionId('us')] })
    this.command({ kind: 'activate', keyspace: CITIES, starts: [keyOfText('')] })
    // Opened once, with shards at every bound, before anything else happens.
    const eu = this.#state(regionId('eu'))
    const [range] = this.ranges()
    if (range === undefined) throw new Error('no range')
    const shards = BOUNDS.map((start, ordinal) => ({
      shardId: `1.${ordinal}` as Page['shards'][number]['shardId'],
      start,
      epoch: 1n as Page['shards'][number]['epoch'],
      replicas: eu.nodes.slice(0, 3).map(({ nodeId: id }) => id),
      status: 'assigned' as const,
      leader: nodeId('eu1'),
      leaderNodeEpoch: nodeEpoch(1),
    }))
    const page: Page = { ...pageFacts(range), role: 'owner', freeze: undefined, nextOrdinal: BOUNDS.length, shards }
    eu.pages = new Map([[page.rangeId, { page, modRevision: this.#revision as Revision }]])
    eu.history.push(new Map([[page.rangeId, page]]))
    for (const region of REGIONS) {
      for (const of of [0, 1] as const) {
        this.see(region, of, this.#globals.length)
        this.hear(region, of, 1)
      }
    }
  }

  /** How often G has changed. */
  get changes(): number {
    return this.#globals.length
  }

  /** G as it is. */
  ranges(): readonly RangeDescriptor[] {
    return this.#globals.at(-1)?.map.list(CITIES) ?? []
  }

  pages(region: RegionId): readonly Page[] {
    return [...this.#state(region).pages.values()].map(({ page }) => page)
  }

  /** Whether G took it. */
  command(command: OwnershipCommand): boolean {
    const map = this.#globals.at(-1)?.map ?? RangeMap.empty
    const decision = decideOwnership(map, command, {
      operation: operationId(`op-${(this.#operations += 1)}`),
      stamp: { wallMs: this.#operations, counter: 0, origin: 'g' },
      nextRangeId: rangeId(this.#nextRangeId),
    })
    if (!decision.ok || decision.puts.length === 0) return false
    this.#nextRangeId = decision.nextRangeId
    this.#nowMs += 1
    this.#globals.push({ atMs: this.#nowMs, map: map.apply(decision.puts, decision.removes) })
    this.#note(command.kind)
    return true
  }

  /** Whether the region has copies of the range: of everything, since it follows it. */
  holds(region: RegionId, { rangeId: id, generation }: RangeDescriptor): boolean {
    const page = this.#state(region).pages.get(id)?.page
    return page?.role === 'standby' && page.generation === generation && this.#followedSince(region, page)
  }

  /** A server's view of G moves on, by some revisions or to the end. */
  see(region: RegionId, of: 0 | 1, by: number): void {
    const server = this.#state(region).servers[of]
    const last = this.#globals.length - 1
    server.seen = Math.min(last, server.seen + by)
    this.#nowMs += 1
    server.provenMs = server.seen === last ? this.#nowMs : (this.#globals[server.seen]?.atMs ?? 0)
  }

  /** The feeds of the other regions move on at a server. */
  hear(region: RegionId, of: 0 | 1, by: number): void {
    const { heard } = this.#state(region).servers[of]
    for (const from of REGIONS) {
      if (from !== region) heard.set(from, Math.min(this.#state(from).history.length - 1, (heard.get(from) ?? 0) + by))
    }
  }

  elect(region: RegionId, of: 0 | 1): void {
    const state = this.#state(region)
    state.controller = of
    state.servers[of].unfollowedMs = new Map()
  }

  /** One round of a region's controller. @returns whether it changed anything */
  round(region: RegionId, longAfter = false): boolean {
    const state = this.#state(region)
    const server = state.servers[state.controller]
    this.#nowMs += 1
    const ranges = this.#globals[server.seen]?.map.list(CITIES) ?? []
    server.unfollowedMs = sinceOf(
      server.unfollowedMs,
      ranges.filter((range) => dutyOf(range, region) === undefined),
      this.#nowMs,
    )
    const plan = planPages(this.#worldOf(region, state, server, ranges, longAfter))
    for (const txn of plan.txns) this.#perform(region, state, server, txn)
    return plan.txns.length > 0
  }

  #worldOf(
    region: RegionId,
    state: RegionState,
    server: Server,
    ranges: readonly RangeDescriptor[],
    longAfter: boolean,
  ): PageWorld {
    const nowMs = this.#nowMs
    return {
      region,
      ranges,
      rangesRevision: (this.#mutant === 'thaws whatever it sees' ? 1_000_000n : BigInt(server.seen)) as Revision,
      pages: state.pages,
      nodes: state.nodes,
      replicaCount: 3,
      ownerPage: (id) => this.#heard(server, id),
      isHeld: () => false,
      wishes: new Map(),
      handOversMax: 16,
      isOverdue: () => longAfter,
      isUnfollowed: (id) =>
        this.#mutant === 'drops what it does not see followed' ||
        // Asked for after it was first seen so, and answered just now: no transfer is begun and committed since.
        (server.provenMs > (server.unfollowedMs.get(id) ?? nowMs) && nowMs - server.provenMs <= 2),
    }
  }

  #heard(server: Server, id: RangeId): ReturnType<PageWorld['ownerPage']> {
    let best: ReturnType<PageWorld['ownerPage']>
    for (const [region, place] of server.heard) {
      const page = this.#state(region).history[place]?.get(id)
      if (page?.role !== 'owner') continue
      if (best === undefined || best.page.generation < page.generation) best = { region, page }
    }
    return best
  }

  #perform(region: RegionId, state: RegionState, server: Server, txn: PageTxn): void {
    for (const [id, expected] of txn.expects) {
      const found = state.pages.get(id)?.modRevision ?? 0n
      if (found !== expected) throw new Error(`page ${id} is at ${found}, not at ${expected}`)
    }
    this.#note(txn.purpose)
    this.#commit(region, state, new Map(txn.puts.map((page) => [page.rangeId, page])), txn.deletes, server.seen)
  }

  #commit(
    region: RegionId,
    state: RegionState,
    puts: ReadonlyMap<RangeId, Page>,
    deletes: readonly RangeId[],
    seen: number,
  ): void {
    const before = state.pages
    const next = new Map(before)
    this.#revision += 1n
    for (const page of puts.values()) next.set(page.rangeId, { page, modRevision: this.#revision as Revision })
    for (const id of deletes) next.delete(id)
    state.pages = next
    state.history.push(new Map([...next].map(([id, { page }]) => [id, page])))
    for (const { page } of before.values()) this.#checkReplaced(region, page, next.get(page.rangeId)?.page)
    for (const page of puts.values())
      this.#checkWritten(
        region,
        page,
        [...before.values()].map((stored) => stored.page),
      )
    for (const id of puts.keys()) this.#writtenAt.set(`${region}/${id}`, seen)
  }

  /** Against the truth: what became of a page. */
  #checkReplaced(region: RegionId, before: Page, after: Page | undefined): void {
    if (after === before) return
    const range = this.ranges().find((each) => each.rangeId === before.rangeId)
    const { freeze } = before
    const stillFrozen =
      range?.generation === before.generation && range.status === 'frozen' && range.operation === freeze?.operation
    if (stillFrozen && after?.freeze?.operation !== freeze?.operation) {
      this.violations.push(`${region}: page ${before.rangeId} thawed while ${range.operation} has it frozen`)
    }
    if (freeze !== undefined && after?.freeze === undefined) this.#note('thaw')
    if (before.role === 'standby' && after === undefined) this.#checkDropped(region, before)
  }

  #checkDropped(region: RegionId, page: Page): void {
    if (this.#followedSince(region, page))
      this.violations.push(`${region}: page ${page.rangeId} dropped, and it was followed all the time`)
    this.#note('drop')
  }

  /** Whether G, since the page was written, always showed its range as followed by this region under its generation. */
  #followedSince(region: RegionId, page: Page): boolean {
    const since = this.#writtenAt.get(`${region}/${page.rangeId}`) ?? 0
    return this.#globals.slice(since).every(({ map }) => {
      const range = map.list(CITIES).find((each) => each.rangeId === page.rangeId)
      return range?.generation === page.generation && dutyOf(range, region) !== undefined
    })
  }

  #checkWritten(region: RegionId, page: Page, before: readonly Page[]): void {
    const known = this.#globals.some(({ map }) =>
      map
        .list(CITIES)
        .some(
          (range) =>
            range.rangeId === page.rangeId &&
            range.generation === page.generation &&
            range.start === page.start &&
            range.end === page.end &&
            dutyOf(range, region) === (page.role === 'owner' ? 'owner' : 'standby'),
        ),
    )
    const name = `${region}: ${page.role} page ${page.rangeId}#${page.generation}`
    if (!known) this.violations.push(`${name} names what G never gave this region (I6)`)
    for (const shard of page.shards) {
      const held = before
        .flatMap((each) => each.shards.map((old) => ({ old, generation: each.generation })))
        .filter(({ old }) => old.shardId === shard.shardId)
        .toSorted((a, b) => (a.generation < b.generation ? 1 : -1))[0]
      if (held !== undefined && held.old.replicas.join() !== shard.replicas.join()) {
        this.violations.push(
          `${name}: shard ${shard.shardId} moved from ${held.old.replicas.join()} to ${shard.replicas.join()}`,
        )
      }
      if (page.role === 'owner' && held === undefined)
        this.violations.push(`${name}: shard ${shard.shardId} begins empty`)
    }
    if (page.role === 'standby') this.#note('followed')
    else if (before.some((each) => each.rangeId === page.rangeId && each.role === 'standby')) this.#note('came')
  }

  #state(region: RegionId): RegionState {
    const state = this.#regions.get(region)
    if (state === undefined) throw new Error(`no region ${region}`)
    return state
  }

  #note(what: string): void {
    this.happened.set(what, (this.happened.get(what) ?? 0) + 1)
  }
}

export function dutyOf(range: RangeDescriptor, region: RegionId): 'owner' | 'standby' | undefined {
  if (range.status === 'vacant') return undefined
  if (range.owner === region) return 'owner'
  return range.standbys.includes(region) ? 'standby' : undefined
}

function sinceOf(
  before: ReadonlyMap<RangeId, number>,
  ranges: readonly RangeDescriptor[],
  nowMs: number,
): Map<RangeId, number> {
  return new Map(ranges.map(({ rangeId: id }) => [id, before.get(id) ?? nowMs]))
}

function pageFacts({
  rangeId: id,
  keyspace,
  generation,
  start,
  end,
}: RangeDescriptor): Pick<Page, 'rangeId' | 'keyspace' | 'generation' | 'start' | 'end'> {
  return { rangeId: id, keyspace, generation, start, end }
}

function node(region: RegionId, name: string): NodeRecord {
  return {
    nodeId: nodeId(`${region}${name}`),
    region,
    zone: zoneId(`z${name}`),
    address: `${region}${name}.test:7001`,
    capacity: 100,
    nodeEpoch: nodeEpoch(1),
    status: 'up',
    duty: 'serving',
  }
}

export const KEYS: readonly Key[] = BOUNDS
