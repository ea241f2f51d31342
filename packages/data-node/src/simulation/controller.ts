import { EMPTY_KEY, keyspaceName, nodeEpoch, operationId, rangeId, regionId, shardId, token } from '@meridian/topology'
import type { NodeId, OperationId, Token } from '@meridian/topology'
import type { ShardRecord } from '../fence/shard-record.ts'
import type { Members } from '../replica/members.ts'
import type { ReplicaRecord } from './history.ts'
import type { SimNode } from './sim-node.ts'

/** A region as the simulation knows it: who lives there, and what its nodes were told, the newest last. */
interface SimRegion {
  readonly name: string
  readonly nodes: readonly SimNode[]
  readonly told: ShardRecord[]
  /** It knows the present owner, and follows it. */
  follows: boolean
}

/**
 * What the controllers of all regions and the global tier decide, as if they were one that never errs: tokens only
 * rise, none is decided twice. Its word reaches the nodes late, in part, or not at all.
 */
export class SimController {
  readonly #regions: readonly SimRegion[]
  readonly #record: (record: ReplicaRecord) => void
  readonly #nowMs: () => number
  readonly #forgetsFreeze: boolean
  /** Until when a region may vouch for a generation: a takeover waits it out, a transfer does not. */
  readonly #authority = new Map<bigint, number>()
  /** Records of the owner regions, the newest last. */
  readonly past: ShardRecord[] = []
  #token: Token = token(1, 1)
  #owner: SimRegion
  #members: Members
  #leader: { readonly nodeId: NodeId; readonly life: number }
  #freeze: OperationId | undefined
  #operations = 0
  moves = 0
  #joining: NodeId | undefined

  constructor(options: {
    readonly regions: readonly { readonly name: string; readonly nodes: readonly SimNode[] }[]
    /** Of the first region, the owner. */
    readonly replicas: readonly NodeId[]
    readonly record: (record: ReplicaRecord) => void
    readonly nowMs: () => number
    /** Mutant: a leader named while the range is frozen is not told so. */
    readonly forgetsFreeze?: boolean
  }) {
    this.#regions = options.regions.map((region) => ({ ...region, told: [], follows: true }))
    this.#record = options.record
    this.#nowMs = options.nowMs
    this.#forgetsFreeze = options.forgetsFreeze === true
    const [owner] = this.#regions
    const [first] = owner?.nodes ?? []
    if (owner === undefined || first === undefined) throw new Error('a world without nodes')
    this.#owner = owner
    this.#members = { replicas: options.replicas, prior: undefined }
    this.#leader = { nodeId: first.id, life: first.life }
    for (const region of this.#regions) if (region !== owner) this.#publishStandby(region)
    this.#publish()
  }

  get newest(): ShardRecord {
    const record = this.past.at(-1)
    if (record === undefined) throw new Error('nothing was decided yet')
    return record
  }

  get members(): Members {
    return this.#members
  }

  get owner(): readonly SimNode[] {
    return this.#owner.nodes
  }

  /** Regions other than the owner. */
  get others(): readonly (readonly SimNode[])[] {
    return this.#regions.filter((region) => region !== this.#owner).map((region) => region.nodes)
  }

  get frozen(): OperationId | undefined {
    return this.#freeze
  }

  get joint(): boolean {
    return this.#members.prior !== undefined
  }

  /** Everybody that the leader feeds, itself included. */
  get fed(): ReadonlySet<NodeId> {
    const { replicas, prior = [], learners } = this.newest
    return new Set([...replicas, ...(prior ?? []), ...learners].map((replica) => replica.nodeId))
  }

  /** The members that may lead. */
  get candidates(): readonly SimNode[] {
    const voters = new Set([...this.#members.replicas, ...(this.#members.prior ?? [])])
    return this.#owner.nodes.filter((node) => voters.has(node.id))
  }

  mayVouch(generation: bigint): boolean {
    return this.#nowMs() < (this.#authority.get(generation) ?? Number.POSITIVE_INFINITY)
  }

  /** What the node's region says, and what it said before. */
  toldTo(node: SimNode): { readonly newest: ShardRecord; readonly before: ShardRecord } | undefined {
    const told = this.#regions.find((region) => region.nodes.includes(node))?.told ?? []
    const newest = told.at(-1)
    return newest === undefined ? undefined : { newest, before: told.at(-2) ?? newest }
  }

  /** Another leader in the same region, perhaps under a new generation (a split or merge). */
  name(leader: SimNode, newGeneration: boolean): void {
    const { generation, epoch } = this.#token
    if (newGeneration) this.#freeze = undefined
    this.#token = newGeneration ? token(generation + 1n, 1) : token(generation, epoch + 1n)
    this.#leader = { nodeId: leader.id, life: leader.life }
    if (newGeneration)
      for (const region of this.#regions) if (region !== this.#owner && region.follows) this.#publishStandby(region)
    this.#publish(!this.#forgetsFreeze)
  }

  /** The range goes to another region. Unplanned: after waiting out what the owner may vouch for. */
  moveTo(leader: SimNode, planned: { readonly vouchesMs: number } | undefined): void {
    const target = this.#regions.find((region) => region.nodes.includes(leader))
    if (target === undefined || target === this.#owner) throw new Error(`${leader.id} is no place to move to`)
    this.#authority.set(this.#token.generation, this.#nowMs() + (planned?.vouchesMs ?? 0))
    this.#token = token(this.#token.generation + 1n, 1)
    if (planned === undefined) this.#record({ kind: 'taken', generation: this.#token.generation })
    this.moves += 1
    this.#owner.follows = false
    this.#owner = target
    // Others that follow learn of it in time.
    for (const region of this.#regions) if (region !== target) region.follows = false
    this.#members = { replicas: target.nodes.map((node) => node.id), prior: undefined }
    this.#freeze = undefined
    this.#joining = undefined
    this.#leader = { nodeId: leader.id, life: leader.life }
    this.#publish()
  }

  /** Regions that did not know the present owner learn of it and follow. */
  follow(): void {
    for (const region of this.#regions) {
      if (region === this.#owner || region.follows) continue
      region.follows = true
      this.#publishStandby(region)
    }
    this.#publish()
  }

  freeze(): OperationId {
    this.#operations += 1
    this.#freeze = operationId(`transfer-${this.#operations}`)
    this.#token = token(this.#token.generation, this.#token.epoch + 1n)
    this.#publish()
    return this.#freeze
  }

  thaw(): void {
    this.#freeze = undefined
    this.#token = token(this.#token.generation, this.#token.epoch + 1n)
    this.#publish()
  }

  /** `node` becomes a learner, to be a member later. */
  beginMove(node: SimNode): void {
    this.#joining = node.id
    this.#publish()
  }

  /** The learner takes the place of `leaving`: both sets decide. */
  joinMove(leaving: NodeId): void {
    if (this.#joining === undefined) throw new Error('nobody joins')
    const { replicas } = this.#members
    this.#members = { replicas: [...replicas.filter((id) => id !== leaving), this.#joining], prior: replicas }
    this.#joining = undefined
    this.#token = token(this.#token.generation, this.#token.epoch + 1n)
    this.#publish()
  }

  /** Only to be called once a leader under both sets has its barrier committed, or with `back`. */
  endMove(back: boolean): void {
    const { replicas, prior } = this.#members
    this.moves += 1
    this.#members = { replicas: back ? (prior ?? replicas) : replicas, prior: undefined }
    this.#token = token(this.#token.generation, this.#token.epoch + 1n)
    const leader = this.candidates.find((node) => node.id === this.#leader.nodeId) ?? this.candidates[0]
    if (leader !== undefined) this.#leader = { nodeId: leader.id, life: leader.life }
    this.#publish()
  }

  #publish(tellsFreeze = true): void {
    const learners = this.#regions
      .filter((region) => region !== this.#owner && region.follows)
      .flatMap((region) => region.nodes.map((node) => node.id))
    const joining = this.#joining === undefined ? [] : [this.#joining]
    const { nodeId, life } = this.#leader
    const { replicas, prior } = this.#members
    const record: ShardRecord = {
      ...FACTS,
      token: this.#token,
      region: regionId(this.#owner.name),
      leader: { nodeId, address: nodeId, nodeEpoch: nodeEpoch(life) },
      replicas: replicas.map(place),
      prior: prior?.map(place),
      role: 'owner',
      freeze: tellsFreeze ? this.#freeze : undefined,
      learners: [...learners, ...joining].map(place),
    }
    const sets = prior === undefined ? [replicas] : [replicas, prior]
    this.#record({ kind: 'named', token: this.#token, sets })
    this.past.push(record)
    this.#owner.told.push(record)
  }

  #publishStandby(region: SimRegion): void {
    region.told.push({
      ...FACTS,
      token: token(this.#token.generation, 1),
      region: regionId(region.name),
      leader: undefined,
      replicas: region.nodes.map((node) => place(node.id)),
      prior: undefined,
      role: 'standby',
      freeze: undefined,
      learners: [],
    })
  }
}

const FACTS = {
  shardId: shardId(rangeId(1), 0),
  rangeId: rangeId(1),
  keyspace: keyspaceName('sim'),
  start: EMPTY_KEY,
  end: EMPTY_KEY,
}

function place(id: NodeId): { readonly nodeId: NodeId; readonly address: string } {
  return { nodeId: id, address: id }
}
