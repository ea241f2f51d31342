import type { Bar, RegionSight, StandbyFacts, TakeoverEntry, TransferEntry } from '@meridian/global'
import type { ReplicaMove } from '@meridian/protocol'
import type { ControllerHealth, NodeHoldings } from '@meridian/region'
import type {
  Generation,
  Key,
  KeyspaceName,
  NodeDuty,
  NodeId,
  OperationId,
  Page,
  RangeId,
  RegionId,
  ShardId,
} from '@meridian/topology'
import type { ServerParts } from './parts.ts'

/** An order to move a range with its data. */
export interface TransferOrder {
  /** The same id is the same transfer, however often it is asked for. */
  readonly operation: OperationId
  readonly keyspace: KeyspaceName
  /** A key of the range. */
  readonly key: Key
  readonly target: RegionId
  readonly reason: string
  /** Refused with GENERATION_MISMATCH unless the range has it. */
  readonly expectedGeneration?: Generation
}

/** Planned transfers: any server takes the order, whoever is elected carries it out. */
export interface TransferControl {
  /** @throws MeridianError RANGE_BUSY, with `operation` when another transfer is under way; RANGE_NOT_ACTIVE */
  begin(order: TransferOrder, signal: AbortSignal): Promise<TransferEntry>
  /** Repeated it finds the abort again. @throws MeridianError TRANSFER_ENDED after the commit; OPERATION_UNKNOWN */
  abort(operation: OperationId, reason: string, signal: AbortSignal): Promise<TransferEntry>
}

/** What is done to whole regions. */
export interface RegionOperations {
  /** Nobody hands the region ownership from then on. Repeated it changes nothing. */
  drain(region: RegionId, operation: OperationId, signal: AbortSignal): Promise<void>
  /** Also lifts a bar. */
  undrain(region: RegionId, signal: AbortSignal): Promise<void>
  /** Takes the authority of the region, whatever it does; its ranges follow when its lease has run out. */
  failOver(region: RegionId, bar: Bar, signal: AbortSignal): Promise<TakeoverEntry>
  /** Every region with a lease, as this server last saw it. */
  sights(): readonly RegionSight[]
}

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
  readonly transfers: TransferControl
  readonly regions: RegionOperations
  readonly copies: CopySights
  readonly nodeOperations: NodeOperations
  /** L_R, ms. */
  readonly regionLeaseMs: number
}
