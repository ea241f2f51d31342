import {
  fromWireRange,
  NodeOperationServiceDefinition,
  OperationServiceDefinition,
  RegionServiceDefinition,
} from '@meridian/protocol'
import type {
  DrainNodeResponse,
  FailOverRegionResponse,
  Operation,
  PlannedTransfer,
  RegionHealth,
  ReplicaMove,
} from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import { keyBytes, MeridianError } from '@meridian/topology'
import type {
  FailoverPolicy,
  Generation,
  Key,
  KeyspaceName,
  NodeId,
  OperationId,
  RangeDescriptor,
  RegionId,
  ShardId,
} from '@meridian/topology'
import type { AttemptOptions, CallOptions, RegionCalls } from './region-calls.ts'

export interface TransferOrder {
  readonly keyspace: KeyspaceName
  /** A key of the range. */
  readonly key: Key
  readonly target: RegionId
  readonly reason: string
  /** Refuse unless the range has this generation. */
  readonly expected?: Generation
}

/** Which transfers are thought through. */
export type PlanQuery =
  | {
      readonly kind: 'range'
      readonly keyspace: KeyspaceName
      readonly key: Key
      readonly target: RegionId | undefined
    }
  /** All that a region owns, each to its first eligible standby or to `target`. */
  | { readonly kind: 'evacuate'; readonly region: RegionId; readonly target: RegionId | undefined }
  /** All that a region had before it was evacuated or lost, back to it. */
  | { readonly kind: 'return'; readonly region: RegionId }

const buffer = (key: Key) => Buffer.from(keyBytes(key))

/**
 * The API of what takes several commits: transfers, takeovers, drains, moves. An operation goes on by itself; calls
 * that begin one carry the caller's operation id and find it again when repeated.
 */
export class Operations {
  readonly #calls: RegionCalls

  constructor(calls: RegionCalls) {
    this.#calls = calls
  }

  async transfer(operation: OperationId, order: TransferOrder, options?: CallOptions): Promise<Operation> {
    const { keyspace, key, target, reason, expected = 0n } = order
    const request = { operation, keyspace, key: buffer(key), target, reason, expectedGeneration: expected }
    const response = await this.#operation(options, (client, call) => client.transferRange(request, call))
    return present(response.operation, 'a transfer')
  }

  async plan(query: PlanQuery, options?: CallOptions): Promise<readonly PlannedTransfer[]> {
    const request = {
      keyspace: query.kind === 'range' ? query.keyspace : '',
      key: query.kind === 'range' ? buffer(query.key) : Buffer.alloc(0),
      target: query.kind === 'return' ? '' : (query.target ?? ''),
      evacuate: query.kind === 'evacuate' ? query.region : '',
      returnTo: query.kind === 'return' ? query.region : '',
    }
    return (await this.#operation(options, (client, call) => client.planTransfers(request, call))).transfers
  }

  /** @param all also those that ended and are still remembered */
  async list(all: boolean, options?: CallOptions): Promise<readonly Operation[]> {
    return (await this.#operation(options, (client, call) => client.listOperations({ all }, call))).operations
  }

  async get(operation: OperationId, options?: CallOptions): Promise<Operation> {
    const response = await this.#operation(options, (client, call) => client.getOperation({ operation }, call))
    return present(response.operation, 'an operation')
  }

  async abort(operation: OperationId, reason: string, options?: CallOptions): Promise<Operation> {
    const request = { operation, reason }
    const response = await this.#operation(options, (client, call) => client.abortOperation(request, call))
    return present(response.operation, 'an abort')
  }

  async drainRegion(operation: OperationId, region: RegionId, options?: CallOptions): Promise<void> {
    await this.#region(options, (client, call) => client.drainRegion({ operation, region }, call))
  }

  async undrainRegion(region: RegionId, options?: CallOptions): Promise<void> {
    await this.#region(options, (client, call) => client.undrainRegion({ region }, call))
  }

  failOver(
    region: RegionId,
    how: {
      readonly reason: string
      readonly poweredOff: boolean
      readonly evenStranded: boolean
      readonly dryRun: boolean
    },
    options?: CallOptions,
  ): Promise<FailOverRegionResponse> {
    return this.#region(options, (client, call) => client.failOverRegion({ region, ...how }, call))
  }

  /** Every region as the servers of `from`, the own region by default, see it. */
  async regions(from?: RegionId, options?: CallOptions): Promise<readonly RegionHealth[]> {
    return (await this.#region(options, (client, call) => client.listRegions({}, call), from)).regions
  }

  async setPolicy(
    operation: OperationId,
    of: { readonly keyspace: KeyspaceName; readonly key: Key },
    policy: { readonly failover: FailoverPolicy; readonly budgetMs: number },
    options?: CallOptions,
  ): Promise<RangeDescriptor> {
    const request = {
      operation,
      keyspace: of.keyspace,
      key: buffer(of.key),
      failover: policy.failover,
      budgetMs: BigInt(policy.budgetMs),
    }
    const { range } = await this.#region(options, (client, call) => client.setRangePolicy(request, call))
    return fromWireRange(present(range, 'a policy'))
  }

  drainNode(
    node: NodeId,
    how: { readonly decommission: boolean; readonly force: boolean },
    region?: RegionId,
    options?: CallOptions,
  ): Promise<DrainNodeResponse> {
    const request = { nodeId: node, ...how }
    return this.#node(options, (client, call) => client.drainNode(request, call), region)
  }

  async undrainNode(node: NodeId, region?: RegionId, options?: CallOptions): Promise<void> {
    await this.#node(options, (client, call) => client.undrainNode({ nodeId: node }, call), region)
  }

  /** @param order `to` undefined: the controller chooses */
  async moveReplica(
    operation: OperationId,
    order: { readonly shard: ShardId; readonly from: NodeId; readonly to: NodeId | undefined },
    region?: RegionId,
    options?: CallOptions,
  ): Promise<ReplicaMove> {
    const request = { operation, shardId: order.shard, from: order.from, to: order.to ?? '' }
    const { move } = await this.#node(options, (client, call) => client.moveReplica(request, call), region)
    return present(move, 'a move')
  }

  async moves(region?: RegionId, options?: CallOptions): Promise<readonly ReplicaMove[]> {
    return (await this.#node(options, (client, call) => client.listMoves({}, call), region)).moves
  }

  async abortMove(operation: OperationId, region?: RegionId, options?: CallOptions): Promise<ReplicaMove> {
    const { move } = await this.#node(options, (client, call) => client.abortMove({ operation }, call), region)
    return present(move, 'an abort')
  }

  #operation<T>(
    options: CallOptions | undefined,
    send: (client: ReturnType<typeof clientOf<typeof OperationServiceDefinition>>, call: AttemptOptions) => Promise<T>,
  ): Promise<T> {
    return this.#calls.call(options, (address, call) =>
      send(clientOf(OperationServiceDefinition, this.#calls.pool.channel(address)), call),
    )
  }

  #region<T>(
    options: CallOptions | undefined,
    send: (client: ReturnType<typeof clientOf<typeof RegionServiceDefinition>>, call: AttemptOptions) => Promise<T>,
    region?: RegionId,
  ): Promise<T> {
    return this.#calls.call(
      options,
      (address, call) => send(clientOf(RegionServiceDefinition, this.#calls.pool.channel(address)), call),
      region,
    )
  }

  #node<T>(
    options: CallOptions | undefined,
    send: (
      client: ReturnType<typeof clientOf<typeof NodeOperationServiceDefinition>>,
      call: AttemptOptions,
    ) => Promise<T>,
    region?: RegionId,
  ): Promise<T> {
    return this.#calls.call(
      options,
      (address, call) => send(clientOf(NodeOperationServiceDefinition, this.#calls.pool.channel(address)), call),
      region,
    )
  }
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new MeridianError('INTERNAL', `${what} was answered without what it is about`)
  return value
}
