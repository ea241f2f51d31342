import type { Snapshot } from '@meridian/feed'
import type { GlobalView, LeaderExplanation, OwnershipService, RegionAgent } from '@meridian/global'
import type { Clock } from '@meridian/loop'
import type { ExplainLeaderResponse, ShardRecord } from '@meridian/protocol'
import type { Store } from '@meridian/store'
import type { RttRow, TaxRow } from '@meridian/tax'
import type { NodeEpoch, NodeId, RangeDescriptor, RegionId, Revision, ShardId, StreamId, Key } from '@meridian/topology'
import type { Registration, RegionView } from '@meridian/region'
import type { StreamReport } from '@meridian/router'
import type { FollowerRegistry } from './follower-registry.ts'

/** What the region's controller does for those who ask; refused with NOT_CONTROLLER where another server leads. */
export interface RegionControl {
  openRange(range: RangeDescriptor, bounds: readonly Key[], signal: AbortSignal): Promise<void>
  handOver(shard: ShardId, target: NodeId | undefined, signal: AbortSignal): Promise<ShardRecord>
  renew(
    node: NodeId,
    epoch: NodeEpoch,
    appliedRevision: Revision,
    signal: AbortSignal,
  ): Promise<{ readonly leaseMs: number; readonly revision: Revision }>
  /** Address of the server that is controller, as far as is known here. */
  controller(): string | undefined
}

export interface NodeDirectory {
  register(registration: Registration, signal: AbortSignal): Promise<NodeEpoch>
  assignments(
    node: NodeId,
    signal: AbortSignal,
  ): AsyncIterable<{
    readonly complete: boolean
    readonly shards: readonly ShardRecord[]
    readonly removed: readonly ShardId[]
    readonly revision: Revision
  }>
}

/** What distance is and costs, as this server knows it. */
export interface TaxControl {
  /** Wall clock, microseconds since the epoch. */
  wallUs(): bigint
  rtts(): readonly RttRow[]
  rows(): readonly TaxRow[]
  /** Undefined unless this server places the leader of G. */
  explanation(): LeaderExplanation | undefined
  /** The explanation of whichever server does. */
  askPlacer(signal: AbortSignal): Promise<ExplainLeaderResponse>
  voterRegions(signal: AbortSignal): Promise<readonly string[]>
  prefer(region: RegionId | undefined, signal: AbortSignal): Promise<void>
}

/** What the handlers of one region server stand on, once it has started. */
export interface ServerParts {
  readonly region: RegionId
  readonly server: string
  readonly clock: Clock
  readonly globalStore: Store
  readonly regionStore: Store
  readonly ownership: OwnershipService
  readonly globalView: GlobalView
  readonly regionView: RegionView
  readonly agent: RegionAgent
  readonly control: RegionControl
  readonly nodes: NodeDirectory
  readonly followers: FollowerRegistry
  readonly tax: TaxControl
  /** Undefined for a stream this server does not hold. */
  snapshot(stream: StreamId): Snapshot | undefined
  reports(): readonly StreamReport[]
  publisher(): string | undefined
}

/** Throws MeridianError UNAVAILABLE, with what is waited for, while the server is starting. */
export type Parts = () => ServerParts
