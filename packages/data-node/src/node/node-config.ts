import type { BootClock, PhysicalClock } from '@meridian/hlc'
import type { Clock, Logger } from '@meridian/loop'
import type { Dialling, Transport } from '@meridian/rpc'
import type { NodeId, RegionId, ZoneId } from '@meridian/topology'
import type { ReplicaBounds } from '../replica/bounds.ts'
import type { Rules } from '../replica/rules.ts'
import type { OpenNodeStorage } from '../storage/node-storage.ts'

export interface DataNodeConfig {
  readonly nodeId: NodeId
  readonly region: RegionId
  readonly zone: ZoneId
  /** `host:port` to listen on; port 0 takes a free one. */
  readonly listen: string
  /** `host:port` that clients and replicas dial. Default: the address listened on. */
  readonly advertise?: string
  /** Relative share of leaders and replicas, 1 to 1000. */
  readonly capacity: number
  /** Private to this node; created when missing. */
  readonly dataDir: string
  /** `host:port` of each region server, tried in order. At least one. */
  readonly regionServers: readonly string[]
  readonly clock: Clock
  /** The wall, watched for disagreeing with `clock`. Default: the system's. */
  readonly physical?: PhysicalClock
  /** Counts suspended time where the system has such a clock. Default: the system's; undefined stands for none. */
  readonly boot?: BootClock | undefined
  readonly log: Logger
  /** How names are dialled; default: as the system resolves them. */
  readonly dial?: Dialling
  /** Uniform in [0, 1), scatters renewals and retries. Default Math.random. */
  readonly random?: () => number
  /** Names one registration, unlike every other name. Default: a random UUID. */
  readonly newAttempt?: () => string
  /** Default: SQLite in `dataDir`. */
  readonly openStorage?: OpenNodeStorage
  /** What carries calls to and from this node. Default: gRPC. */
  readonly transport?: Transport
  /** Called when an invariant is broken or a commit failed; must end the process. Default: an uncaught exception. */
  readonly onBroken?: (error: unknown) => void
  readonly bounds?: ReplicaBounds
  /** For simulations that break one, to see that it is noticed. Default, and nothing else for any other use: `RULES`. */
  readonly rules?: Rules
  /** Folder of the proto module; given, the node answers gRPC reflection. */
  readonly protoDir?: string
}

/** Timing and bounds of a node. What all nodes of a region must share (L_N) comes from the region with each renewal. */
export const NODE_LIMITS = {
  renewEveryMs: 2_000,
  /** Renewals that fit into one lease at least: two of them may be lost. */
  renewalsPerLease: 3,
  confirmEveryMs: 2_000,
  /** A pair that a leader needs and has no lease for is asked for again this soon. */
  confirmRetryMs: 250,
  regionCallMs: 1_500,
  retryDelayMsMin: 100,
  retryDelayMsMax: 2_000,
  /** A refused registration will not heal by itself; it is still tried, for a person may put it right. */
  registerRefusedDelayMs: 5_000,
  /** A node whose disk takes longer to fsync, or whose event loop lags more, must not renew: it only looks alive. */
  probeMsMax: 1_000,
  loopLagMsMax: 1_000,
  lagSampleMs: 100,
  tickMs: 50,
  /** Leaderships that are begun at once, and for how long one that does not come to serve counts. */
  risingMax: 64,
  risingMsMax: 2_000,
  appendMs: 2_000,
  replicaCallMs: 1_000,
  /** One piece of an installed state: the first of a large one is gathered while the asker waits. */
  stateMs: 5_000,
  /** How long a stale read waits for the leader's word and for the state to come to it. */
  staleReadMs: 2_000,
  shardsPerQuestionMax: 4_096,
  quarantineRowsMax: 1_000,
  drainMs: 2_000,
  itemsPerWriteMax: 512,
  valueBytesMax: 64 * 1024,
  writeBytesMax: 1024 * 1024,
  keysPerReadMax: 512,
  readBytesMax: 3 * 1024 * 1024,
  scanRowsMax: 4_096,
  scanRowsDefault: 1_000,
  /** Shards with a log on one node. */
  shardsMax: 16_384,
  /** Pairs in one question about region authority. */
  confirmPairsMax: 16_384,
} as const
