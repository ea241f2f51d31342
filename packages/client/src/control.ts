import {
  fromWireRange,
  LeadershipServiceDefinition,
  MapServiceDefinition,
  OwnershipServiceDefinition,
  StatusServiceDefinition,
  TaxServiceDefinition,
  toWirePosition,
} from '@meridian/protocol'
import type { ExplainLeaderResponse, GetStatusResponse, Rtt, ShardRecord, TaxRow, WireRange } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import type { StreamReport } from '@meridian/router'
import { isMeridianError, keyBytes, MeridianError } from '@meridian/topology'
import type {
  Generation,
  Key,
  KeyspaceName,
  NodeId,
  OperationId,
  RangeDescriptor,
  RegionId,
  Revision,
  ShardId,
} from '@meridian/topology'

/** Times one call is sent on to the server that a refusal named. */
const REDIRECTS_MAX = 4

export interface CallOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Expected {
  readonly start: Key
  readonly generation: Generation
}

export interface Mutated {
  readonly ranges: readonly RangeDescriptor[]
  readonly revision: Revision
}

const buffer = (key: Key) => Buffer.from(keyBytes(key))

/**
 * The control API of a region, with every refusal that names a better server followed. Mutations carry the caller's
 * operation id, so a call whose outcome is unknown is simply made again.
 */
export class Control {
  readonly #pool: ChannelPool
  readonly #servers: () => readonly string[]
  readonly #serversOf: (region: RegionId) => readonly string[]

  /**
   * @param servers addresses of the own region's servers, tried in order
   * @param serversOf addresses of another region's servers, for what only its owner may decide
   */
  constructor(pool: ChannelPool, servers: () => readonly string[], serversOf: (region: RegionId) => readonly string[]) {
    this.#pool = pool
    this.#servers = servers
    this.#serversOf = serversOf
  }

  createKeyspace(
    operation: OperationId,
    keyspace: KeyspaceName,
    owner: RegionId,
    standbys: readonly RegionId[],
    options?: CallOptions,
  ) {
    return this.#mutate(options, (client, call) =>
      client.createKeyspace({ operation, keyspace, owner, standbys: [...standbys] }, call),
    )
  }

  split(
    operation: OperationId,
    keyspace: KeyspaceName,
    at: readonly Key[],
    expected: readonly Expected[] = [],
    options?: CallOptions,
  ) {
    const request = { operation, keyspace, at: at.map(buffer), expected: expected.map(toExpected) }
    return this.#mutate(options, (client, call) => client.splitRange(request, call))
  }

  merge(
    operation: OperationId,
    keyspace: KeyspaceName,
    at: Key,
    expected: readonly Expected[] = [],
    options?: CallOptions,
  ) {
    const request = { operation, keyspace, at: buffer(at), expected: expected.map(toExpected) }
    return this.#mutate(options, (client, call) => client.mergeRanges(request, call))
  }

  assign(
    operation: OperationId,
    keyspace: KeyspaceName,
    assignments: readonly { start: Key; owner: RegionId; standbys: readonly RegionId[] }[],
    expected: readonly Expected[] = [],
    options?: CallOptions,
  ) {
    const request = {
      operation,
      keyspace,
      assignments: assignments.map(({ start, owner, standbys }) => ({
        start: buffer(start),
        owner,
        standbys: [...standbys],
      })),
      expected: expected.map(toExpected),
    }
    return this.#mutate(options, (client, call) => client.assignRanges(request, call))
  }

  open(
    operation: OperationId,
    keyspace: KeyspaceName,
    openings: readonly { start: Key; shardBounds: readonly Key[] }[],
    options?: CallOptions,
  ) {
    const request = {
      operation,
      keyspace,
      openings: openings.map(({ start, shardBounds }) => ({
        start: buffer(start),
        shardBounds: shardBounds.map(buffer),
      })),
    }
    return this.#mutate(options, (client, call) => client.openRanges(request, call))
  }

  async lookup(keyspace: KeyspaceName, key: Key, local: boolean, options?: CallOptions): Promise<RangeDescriptor> {
    const { range } = await this.#call(options, (address, call) =>
      clientOf(OwnershipServiceDefinition, this.#pool.channel(address)).lookupRange(
        { keyspace, key: buffer(key), local },
        call,
      ),
    )
    if (range === undefined) throw new MeridianError('INTERNAL', 'a lookup answered without a range')
    return fromWireRange(range)
  }

  async list(keyspace: KeyspaceName | undefined, local: boolean, options?: CallOptions): Promise<Mutated> {
    const response = await this.#call(options, (address, call) =>
      clientOf(OwnershipServiceDefinition, this.#pool.channel(address)).listRanges(
        { keyspace: keyspace ?? '', local },
        call,
      ),
    )
    return mutated(response)
  }

  async handOver(
    operation: OperationId,
    shard: ShardId,
    target: NodeId | undefined,
    region: RegionId,
    options?: CallOptions,
  ): Promise<ShardRecord> {
    const { shard: record } = await this.#call(
      options,
      (address, call) =>
        clientOf(LeadershipServiceDefinition, this.#pool.channel(address)).handOverShard(
          { operation, shardId: shard, target: target ?? '' },
          call,
        ),
      this.#serversOf(region),
    )
    if (record === undefined) throw new MeridianError('INTERNAL', 'a hand-over answered without a shard')
    return record
  }

  /** Status of one region server; the first of the region that answers. */
  status(region?: RegionId, options?: CallOptions): Promise<GetStatusResponse> {
    return this.#call(
      options,
      (address, call) => clientOf(StatusServiceDefinition, this.#pool.channel(address)).getStatus({}, call),
      region === undefined ? undefined : this.#serversOf(region),
    )
  }

  /** Round trips between all regions as one region knows them. */
  async rtts(region?: RegionId, options?: CallOptions): Promise<readonly Rtt[]> {
    return (await this.#tax((client, call) => client.getRtt({}, call), region, options)).rtts
  }

  /** What control operations cost, as one server of a region has seen it. */
  async tax(region?: RegionId, options?: CallOptions): Promise<readonly TaxRow[]> {
    return (await this.#tax((client, call) => client.getTax({}, call), region, options)).rows
  }

  /** Why the leader of the global tier is where it is. */
  explainLeader(options?: CallOptions): Promise<ExplainLeaderResponse> {
    return this.#tax((client, call) => client.explainLeader({}, call), undefined, options)
  }

  /** States, or with undefined withdraws, where the leader of the global tier should be; returns before it moves. */
  async preferLeader(region: RegionId | undefined, options?: CallOptions): Promise<void> {
    await this.#tax((client, call) => client.preferLeader({ region: region ?? '' }, call), undefined, options)
  }

  async reportPositions(
    follower: string,
    life: string,
    reports: readonly StreamReport[],
    options?: CallOptions,
  ): Promise<void> {
    const positions = reports.map(({ stream, position }) => ({ stream, position: toWirePosition(position) }))
    await this.#call(options, (address, call) =>
      clientOf(MapServiceDefinition, this.#pool.channel(address)).reportPositions({ follower, life, positions }, call),
    )
  }

  #tax<T>(
    send: (
      client: ReturnType<typeof clientOf<typeof TaxServiceDefinition>>,
      call: { timeoutMs: number; signal?: AbortSignal },
    ) => Promise<T>,
    region: RegionId | undefined,
    options: CallOptions | undefined,
  ): Promise<T> {
    return this.#call(
      options,
      (address, call) => send(clientOf(TaxServiceDefinition, this.#pool.channel(address)), call),
      region === undefined ? undefined : this.#serversOf(region),
    )
  }

  async #mutate(
    options: CallOptions | undefined,
    send: (
      client: ReturnType<typeof clientOf<typeof OwnershipServiceDefinition>>,
      call: { timeoutMs: number; signal?: AbortSignal },
    ) => Promise<{ ranges: WireRange[]; revision: bigint }>,
  ): Promise<Mutated> {
    return mutated(
      await this.#call(options, (address, call) =>
        send(clientOf(OwnershipServiceDefinition, this.#pool.channel(address)), call),
      ),
    )
  }

  async #call<T>(
    options: CallOptions | undefined,
    send: (address: string, call: { timeoutMs: number; signal?: AbortSignal }) => Promise<T>,
    first: readonly string[] = this.#servers(),
  ): Promise<T> {
    const call = {
      timeoutMs: options?.timeoutMs ?? 30_000,
      ...(options?.signal === undefined ? {} : { signal: options.signal }),
    }
    let candidates = [...first]
    let failure = new MeridianError('UNAVAILABLE', 'no region server is known')
    for (let redirects = 0; candidates.length > 0;) {
      const [address = '', ...rest] = candidates
      try {
        return await send(address, call)
      } catch (error) {
        if (!isMeridianError(error)) throw error
        failure = error
        const better = this.#better(error)
        if (better.length > 0 && redirects < REDIRECTS_MAX) {
          redirects += 1
          candidates = [...better]
        } else if (error.code === 'UNAVAILABLE' || error.code === 'NOT_CONTROLLER') {
          candidates = rest
        } else throw error
      }
    }
    throw failure
  }

  #better(error: MeridianError): readonly string[] {
    const { owner, controller } = error.details
    if (error.code === 'NOT_CONTROLLER' && controller !== undefined && controller !== '') return [controller]
    if (error.code === 'NOT_OWNER_REGION' && owner !== undefined) return this.#serversOf(owner as RegionId)
    return []
  }
}

function toExpected({ start, generation }: Expected) {
  return { start: buffer(start), generation }
}

function mutated(response: { ranges: WireRange[]; revision: bigint }): Mutated {
  return { ranges: response.ranges.map(fromWireRange), revision: response.revision as Revision }
}
