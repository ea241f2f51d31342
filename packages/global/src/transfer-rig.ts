import type { Clock } from '@meridian/loop'
import { generation, nodeId, shardId, token } from '@meridian/topology'
import type { NodeId, OperationId, RangeDescriptor, RangeId, RegionId, ShardId } from '@meridian/topology'
import type { TransferPorts } from './transfer-driver.ts'
import type { Barrier, NodePlace, Position, TransferPage } from './transfer-state.ts'

/** For tests: regions with pages, leaders and followers that copy, each hearing of G as late as it likes. */

interface Replica {
  readonly place: NodePlace
  /** Index of its last entry, by shard; the token under which that was written. */
  readonly log: Map<ShardId, { index: number; generation: bigint }>
  down: boolean
}

interface RigPage {
  role: 'owner' | 'standby'
  generation: bigint
  frozenFor: OperationId | undefined
  /** What the leaders know of the freeze: a little later than the page says it. */
  leadersFrozenFor: OperationId | undefined
  led: boolean
}

/** What a test may make of the regions. */
export interface RigManners {
  /** Until a region hears of a change of G, ms. */
  readonly hearMs: () => number
  /** Until a node is told or answers, ms. */
  readonly nodeMs: () => number
  /** Leaders tell barriers before they are frozen. */
  readonly hastyBarriers?: boolean
  /** Followers say that they hold more than they do. */
  readonly boastful?: boolean
  /** Sources thaw by a timer of theirs. */
  readonly thawsAlone?: boolean
}

const REPLICAS = 3
const SHARDS = 2

export class TransferRig implements TransferPorts {
  readonly violations: string[] = []
  /** Entries acknowledged by whoever owned the range, by shard. */
  readonly acknowledged = new Map<ShardId, number>()
  /** Ranges as G has them: every region hears of them later. */
  readonly #pages = new Map<RegionId, RigPage>()
  readonly #replicas = new Map<RegionId, readonly Replica[]>()
  readonly #listeners = new Set<() => void>()
  readonly #clock: Clock
  readonly #manners: RigManners
  readonly #signal: AbortSignal
  readonly #shards: readonly ShardId[]
  readonly #range: RangeId
  /** Regions whose followers copy nothing. */
  readonly stuck = new Set<RegionId>()
  #shown = 0
  readonly #heard = new Map<RegionId, number>()
  /** Generations that a takeover ended: how long those owners went on, leases decide, and not a transfer. */
  readonly #taken = new Set<bigint>()
  /** The owner that G shows, to judge by. */
  #owner: RangeDescriptor | undefined

  constructor(range: RangeId, regions: readonly RegionId[], clock: Clock, manners: RigManners, signal: AbortSignal) {
    this.#clock = clock
    this.#manners = manners
    this.#signal = signal
    this.#range = range
    this.#shards = Array.from({ length: SHARDS }, (_, ordinal) => shardId(range, ordinal))
    for (const shard of this.#shards) this.acknowledged.set(shard, 0)
    for (const region of regions) {
      this.#replicas.set(
        region,
        Array.from({ length: REPLICAS }, (_, index) => ({
          place: { nodeId: nodeId(`${region.slice(0, 8)}-n${index}`), address: `${region}-n${index}.test:7001` },
          log: new Map(this.#shards.map((shard) => [shard, { index: 0, generation: 1n }])),
          down: false,
        })),
      )
    }
  }

  replicas(region: RegionId): readonly Replica[] {
    return this.#replicas.get(region) ?? []
  }

  rigPage(region: RegionId): RigPage | undefined {
    return this.#pages.get(region)
  }

  /** G shows the range like this: the judge at once, the regions when they hear of it. */
  show(range: RangeDescriptor): void {
    const before = this.#owner
    this.#owner = range
    if (before !== undefined && before.generation !== range.generation && isTaken(range)) {
      this.#taken.add(before.generation)
      // What the old owner alone had is lost, and declared; the new lineage is judged from its own first write on.
      for (const shard of this.#shards) this.acknowledged.set(shard, 0)
    }
    if (before !== undefined && before.owner !== range.owner && before.status === 'frozen' && !isTaken(range)) {
      this.#judgeCommit(range)
    }
    this.#shown += 1
    const sequence = this.#shown
    for (const region of this.#replicas.keys()) {
      void this.#after(this.#manners.hearMs(), () => {
        // A view never goes back.
        if (sequence <= (this.#heard.get(region) ?? 0)) return
        this.#heard.set(region, sequence)
        this.#hear(region, range)
      })
    }
  }

  page(range: RangeId, region: RegionId): TransferPage | undefined {
    const page = range === this.#range ? this.#pages.get(region) : undefined
    if (page === undefined) return undefined
    const places = this.replicas(region).map(({ place }) => place)
    const leader = page.led && page.role === 'owner' ? this.#leader(region)?.place : undefined
    return {
      role: page.role,
      generation: generation(page.generation),
      frozenFor: page.frozenFor,
      shards: this.#shards.map((shard) => ({ shardId: shard, leader, replicas: places })),
    }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async askBarriers(node: NodePlace, operation: OperationId, shards: readonly ShardId[]): Promise<readonly Barrier[]> {
    await this.#clock.sleep(this.#manners.nodeMs(), this.#signal)
    const [region, replica] = this.#find(node)
    const page = this.#pages.get(region)
    const frozen = page?.leadersFrozenFor === operation || this.#manners.hastyBarriers === true
    const answers = page === undefined || replica.down || this.#leader(region) !== replica || !frozen ? [] : shards
    const barriers = answers.map((shard) => {
      const last = replica.log.get(shard) ?? { index: 0, generation: 1n }
      return { shardId: shard, token: token(last.generation, 1), index: BigInt(last.index) }
    })
    await this.#clock.sleep(this.#manners.nodeMs(), this.#signal)
    return barriers
  }

  async askPositions(node: NodePlace, shards: readonly ShardId[], _signal?: AbortSignal): Promise<readonly Position[]> {
    await this.#clock.sleep(this.#manners.nodeMs(), this.#signal)
    const [, replica] = this.#find(node)
    if (replica.down) throw new Error('it is down')
    const positions = shards.map((shard): Position => {
      const { index, generation: gen } = replica.log.get(shard) ?? { index: 0, generation: 1n }
      const lastIndex = BigInt(this.#manners.boastful === true ? index + 1000 : index)
      return { shardId: shard, lastIndex, lastToken: token(gen, 1), commitIndex: BigInt(index), installing: false }
    })
    await this.#clock.sleep(this.#manners.nodeMs(), this.#signal)
    return positions
  }

  /** Leaders that believe in themselves acknowledge a write; followers copy what they can. */
  tick(): void {
    for (const [region, page] of this.#pages) {
      if (page.role !== 'owner' || !page.led || page.leadersFrozenFor !== undefined) continue
      const leader = this.#leader(region)
      if (leader === undefined) continue
      for (const shard of this.#shards) {
        const log = leader.log.get(shard)
        if (log === undefined) continue
        log.index += 1
        log.generation = page.generation
        for (const replica of this.replicas(region)) if (!replica.down) replica.log.set(shard, { ...log })
        if (this.#owner !== undefined && (this.#owner.owner !== region || this.#owner.generation !== page.generation)) {
          if (!this.#taken.has(page.generation))
            this.violations.push(`${region} acknowledged under g${page.generation}, after its end`)
        } else this.acknowledged.set(shard, log.index)
      }
      for (const [follower, replicas] of this.#replicas) {
        if (follower === region || this.stuck.has(follower) || this.#pages.get(follower)?.role !== 'standby') continue
        const log = leader.log
        for (const replica of replicas) {
          void this.#after(this.#manners.nodeMs(), () => copy(log, replica))
        }
      }
    }
  }

  /** Followers get what is there, once nothing is added any more. */
  settle(): void {
    for (const [region, page] of this.#pages) {
      if (page.role !== 'owner') continue
      const leader = this.#leader(region)
      if (leader === undefined) continue
      for (const [follower, replicas] of this.#replicas) {
        if (follower === region || this.stuck.has(follower)) continue
        for (const replica of replicas) void this.#after(this.#manners.nodeMs(), () => copy(leader.log, replica))
      }
    }
  }

  #hear(region: RegionId, range: RangeDescriptor): void {
    const page = this.#pages.get(region)
    if (page !== undefined && page.generation > range.generation) return
    if (range.owner !== region) {
      if (!range.standbys.includes(region)) return
      this.#put(region, {
        role: 'standby',
        generation: range.generation,
        frozenFor: undefined,
        leadersFrozenFor: undefined,
        led: false,
      })
      return
    }
    if (page === undefined || page.generation < range.generation || page.role !== 'owner') {
      const fresh: RigPage = {
        role: 'owner',
        generation: range.generation,
        frozenFor: undefined,
        leadersFrozenFor: undefined,
        led: false,
      }
      this.#put(region, fresh)
      void this.#after(this.#manners.nodeMs(), () => {
        if (this.#pages.get(region) !== fresh) return
        fresh.led = true
        this.#told()
      })
      return
    }
    const wanted = range.status === 'frozen' ? range.operation : undefined
    if (page.frozenFor === wanted) return
    page.frozenFor = wanted
    this.#told()
    void this.#after(this.#manners.nodeMs(), () => {
      page.leadersFrozenFor = page.frozenFor
    })
    if (wanted !== undefined && this.#manners.thawsAlone === true) {
      void this.#after(300, () => {
        page.leadersFrozenFor = undefined
      })
    }
  }

  /** Whatever quorum the new owner seals must know all that was acknowledged. */
  #judgeCommit(range: RangeDescriptor): void {
    for (const [shard, index] of this.acknowledged) {
      const held = this.replicas(range.owner).map((replica) => replica.log.get(shard)?.index ?? 0)
      const worstQuorum = held.toSorted((a, b) => a - b)[Math.floor(REPLICAS / 2)] ?? 0
      if (worstQuorum < index) {
        this.violations.push(`${range.owner} owns ${shard} with ${held.join(', ')} of ${index} acknowledged`)
      }
    }
  }

  #leader(region: RegionId): Replica | undefined {
    // As after a seal: whoever has the best log of those that answer.
    const last = ({ log }: Replica) => log.get(this.#shards[0] as ShardId) ?? { index: 0, generation: 0n }
    return this.replicas(region)
      .filter(({ down }) => !down)
      .toSorted((a, b) => Number(last(b).generation - last(a).generation) || last(b).index - last(a).index)
      .at(0)
  }

  #find(node: NodePlace): readonly [RegionId, Replica] {
    for (const [region, replicas] of this.#replicas) {
      const replica = replicas.find(({ place }) => place.nodeId === node.nodeId)
      if (replica !== undefined) return [region, replica]
    }
    throw new Error(`there is no node ${node.nodeId}`)
  }

  #put(region: RegionId, page: RigPage): void {
    const before = this.#pages.get(region)
    if (before?.role === page.role && before.generation === page.generation) return
    this.#pages.set(region, page)
    this.#told()
  }

  #told(): void {
    for (const listener of this.#listeners) listener()
  }

  async #after(ms: number, act: () => void): Promise<void> {
    await this.#clock.sleep(ms, this.#signal).then(act, () => {})
  }
}

const isTaken = (range: RangeDescriptor): boolean => range.operation.startsWith('take')

function copy(from: ReadonlyMap<ShardId, { index: number; generation: bigint }>, replica: Replica): void {
  if (replica.down) return
  for (const [shard, last] of from) {
    const own = replica.log.get(shard)
    // A lineage that a takeover cut off is replaced.
    if (own === undefined || own.generation < last.generation || own.index < last.index)
      replica.log.set(shard, { ...last })
  }
}

export const nodeOf = (region: RegionId, index: number): NodeId => nodeId(`${region.slice(0, 8)}-n${index}`)
