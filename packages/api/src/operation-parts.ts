import type { Authority, PromiseKeeper, RegionVerbs, StandbyFacts, Standstill, Transfers } from '@meridian/global'
import type { ReplicaMove } from '@meridian/protocol'
import type { ControllerHealth, NodeHoldings } from '@meridian/region'
import type { NodeDuty, NodeId, OperationId, Page, RangeId, RegionId, ShardId } from '@meridian/topology'
import type { ServerParts } from './parts.ts'

/** What writes and copies of a range come to; what nobody told is missing. */
export interface RangeLoad {
  readonly writesPerS: number
  /** Entries that copies there still lack, by standby region. */
  readonly lagEntries: ReadonlyMap<RegionId, bigint>
}

/** What is known here of how a range is copied. */
export interface CopySights {
  /** The page under which its owner leads the range; undefined while it has not been seen. */
  ownerPage(range: RangeId): Page | undefined
  standbyFacts(range: RangeId, region: RegionId): StandbyFacts
  /** As the nodes told lately; undefined when they did not. */
  load(range: RangeId): RangeLoad | undefined
  /** Least that a commit at G takes from here at present, ms; undefined while it is not known. */
  commitFloorMs(): number | undefined
  /** Milliseconds since the feed last proved that nothing of that region is missing here; undefined: never. */
  mapAgeMs(region: RegionId): number | undefined
}

/** Refused with NOT_CONTROLLER where another server of the region leads. */
export interface NodeOperations {
  /** See `RegionController.setDuty`: what the node is wanted for, and what it still leads and holds. */
  setDuty(node: NodeId, duty: NodeDuty, forced: boolean, signal: AbortSignal): Promise<NodeHoldings>
  /** What keeps the controller from doing more; undefined on a server that is not it. */
  health(): ControllerHealth | undefined
  /** @param order `to` undefined: the controller chooses */
  move(
    operation: OperationId,
    order: { readonly shard: ShardId; readonly from: NodeId; readonly to: NodeId | undefined },
    signal: AbortSignal,
  ): Promise<ReplicaMove>
  /** In flight and lately ended. */
  moves(signal: AbortSignal): Promise<readonly ReplicaMove[]>
  abortMove(operation: OperationId, signal: AbortSignal): Promise<ReplicaMove>
}

/** What the handlers of operations stand on, beside what every handler does. */
export interface OperationParts extends ServerParts {
  readonly transfers: Pick<Transfers, 'begin' | 'abort'>
  readonly verbs: Pick<RegionVerbs, 'drain' | 'undrain' | 'planFailOver' | 'failOver' | 'liftBar'>
  readonly authority: Pick<Authority, 'regions'>
  readonly copies: CopySights
  readonly nodeOperations: NodeOperations
  /** Where the configuration has it: what the promises of all regions add while G is away. */
  readonly standstill?: Pick<Standstill, 'remainingMs'>
  /** Where the configuration has it: this region's word to take nothing. */
  readonly promises?: Pick<PromiseKeeper, 'promise'>
  /** Since E last answered what takes a majority of its members, ms. */
  readonly regionalAgeMs: () => number
  /** L_R, ms. */
  readonly regionLeaseMs: number
}
