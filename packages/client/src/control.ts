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
import type { StreamReport } from '@meridian/router'
import { keyBytes, MeridianError } from '@meridian/topology'
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
import type { AttemptOptions, CallOptions, RegionCalls } from './region-calls.ts'

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
  readonly #calls: RegionCalls

  constructor(calls: RegionCalls) {
    this.#calls = calls
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
    const { range } = await this.#calls.call(options, (address, call) =>
      clientOf(OwnershipServiceDefinition, this.#calls.pool.channel(address)).lookupRange(
        { keyspace, key: buffer(key), local },
        call,
      ),
    )
    if (range === undefined) throw new MeridianError('INTERNAL', 'a lookup answered without a range')
    return fromWireRange(range)
  }

  async list(keyspace: KeyspaceName | undefined, local: boolean, options?: CallOptions): Promise<Mutated> {
    const response = await this.#calls.call(options, (address, call) =>
      clientOf(OwnershipServiceDefinition, this.#calls.pool.channel(address)).listRanges(
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
    const { shard: record } = await this.#calls.call(
      options,
      (address, call) =>
        clientOf(LeadershipServiceDefinition, this.#calls.pool.channel(address)).handOverShard(
          { operation, shardId: shard, target: target ?? '' },
          call,
        ),
      region,
    )
    if (record === undefined) throw new MeridianError('INTERNAL', 'a hand-over answered without a shard')
    return record
  }

  /** Status of one region server; the first of the region that answers. */
  status(region?: RegionId, options?: CallOptions): Promise<GetStatusResponse> {
    return this.#calls.call(
      options,
      (address, call) => clientOf(StatusServiceDefinition, this.#calls.pool.channel(address)).getStatus({}, call),
      region,
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
    await this.#calls.call(options, (address, call) =>
      clientOf(MapServiceDefinition, this.#calls.pool.channel(address)).reportPositions(
        { follower, life, positions },
        call,
      ),
    )
  }

  #tax<T>(
    send: (client: ReturnType<typeof clientOf<typeof TaxServiceDefinition>>, call: AttemptOptions) => Promise<T>,
    region: RegionId | undefined,
    options: CallOptions | undefined,
  ): Promise<T> {
    return this.#calls.call(
      options,
      (address, call) => send(clientOf(TaxServiceDefinition, this.#calls.pool.channel(address)), call),
      region,
    )
  }

  async #mutate(
    options: CallOptions | undefined,
    send: (
      client: ReturnType<typeof clientOf<typeof OwnershipServiceDefinition>>,
      call: AttemptOptions,
    ) => Promise<{ ranges: WireRange[]; revision: bigint }>,
  ): Promise<Mutated> {
    return mutated(
      await this.#calls.call(options, (address, call) =>
        send(clientOf(OwnershipServiceDefinition, this.#calls.pool.channel(address)), call),
      ),
    )
  }
}

function toExpected({ start, generation }: Expected) {
  return { start: buffer(start), generation }
}

function mutated(response: { ranges: WireRange[]; revision: bigint }): Mutated {
  return { ranges: response.ranges.map(fromWireRange), revision: response.revision as Revision }
}
