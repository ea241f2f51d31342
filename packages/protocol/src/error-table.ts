import type { ErrorCode } from '@meridian/topology'

/**
 * What a caller does about a refusal.
 * - `retry`: the same request, to the same place, after a pause.
 * - `refresh`: the map is old; look at the record the refusal carries, or fetch a newer one, then retry once.
 * - `give-up`: sending it again cannot help.
 * - `unknown`: it may have had its effect; only a retry with the same operation id or sequence is safe.
 */
export type RetryClass = 'retry' | 'refresh' | 'give-up' | 'unknown'

export interface ErrorRow {
  /** gRPC status code number. */
  readonly grpc: number
  readonly retry: RetryClass
  /** Exit code of a command that ends with this error. */
  readonly exit: number
  /** One sentence for the reference page. */
  readonly meaning: string
}

const OK_EXIT = { failure: 1, usage: 2, notFound: 3, conflict: 4, unknown: 5, findings: 6, interrupted: 130 } as const

const GRPC = {
  deadlineExceeded: 4,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  internal: 13,
  unavailable: 14,
  cancelled: 1,
} as const

const row = (grpc: number, retry: RetryClass, exit: number, meaning: string): ErrorRow => ({
  grpc,
  retry,
  exit,
  meaning,
})

const { failure, usage, notFound, conflict, unknown, findings, interrupted } = OK_EXIT

/** The one error table: every code, its gRPC status, what to do about it. `docs/errors.md` is held equal to it by a test. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = {
  INVALID_ARGUMENT: row(GRPC.invalidArgument, 'give-up', usage, 'The request makes no sense as it stands.'),
  KEY_TOO_LARGE: row(GRPC.invalidArgument, 'give-up', usage, 'A key is longer than 1,024 bytes.'),
  VALUE_TOO_LARGE: row(GRPC.invalidArgument, 'give-up', usage, 'A value is longer than the node accepts.'),
  REQUEST_TOO_LARGE: row(GRPC.resourceExhausted, 'give-up', usage, 'A request has more items or bytes than its bound.'),
  RANGE_EMPTY: row(GRPC.invalidArgument, 'give-up', usage, 'The change would make a range that holds no key.'),
  RANGE_OVERLAP: row(GRPC.invalidArgument, 'give-up', usage, 'The change would make two ranges hold one key.'),
  CONFIG_INVALID: row(
    GRPC.invalidArgument,
    'give-up',
    usage,
    'A configuration file is wrong; file, line and column are named.',
  ),
  KEYSPACE_UNKNOWN: row(GRPC.notFound, 'give-up', notFound, 'No such keyspace.'),
  KEYSPACE_EXISTS: row(GRPC.alreadyExists, 'give-up', conflict, 'The keyspace is there already.'),
  REGION_UNKNOWN: row(GRPC.notFound, 'give-up', notFound, 'No such region in the topology.'),
  RANGE_UNKNOWN: row(GRPC.notFound, 'refresh', notFound, 'No range starts there, or none has that id.'),
  SHARD_UNKNOWN: row(GRPC.notFound, 'refresh', notFound, 'This place does not know the shard.'),
  NODE_UNKNOWN: row(GRPC.notFound, 'give-up', notFound, 'No such node in this region.'),
  OPERATION_UNKNOWN: row(GRPC.notFound, 'give-up', notFound, 'No such operation is in flight or still remembered.'),
  KEY_OUTSIDE_RANGE: row(GRPC.outOfRange, 'refresh', conflict, 'The key lies outside the shard it was sent to.'),
  RANGE_NOT_VACANT: row(
    GRPC.failedPrecondition,
    'give-up',
    conflict,
    'The range may hold data; its owner cannot be changed by assignment.',
  ),
  RANGE_NOT_ACTIVE: row(GRPC.failedPrecondition, 'give-up', conflict, 'The range was not opened yet.'),
  RANGE_BUSY: row(
    GRPC.aborted,
    'retry',
    conflict,
    'Another change of the range is under way, or the two differ in status.',
  ),
  RANGE_FROZEN: row(
    GRPC.unavailable,
    'retry',
    failure,
    'The range takes no writes for a moment: its ownership is on the way to another region.',
  ),
  TRANSFER_ENDED: row(GRPC.failedPrecondition, 'give-up', conflict, 'The transfer was committed or aborted before.'),
  NOT_ADJACENT: row(GRPC.failedPrecondition, 'give-up', conflict, 'No two ranges meet at that key.'),
  OWNERS_DIFFER: row(GRPC.failedPrecondition, 'give-up', conflict, 'The two ranges belong to different regions.'),
  SPLIT_NOT_AT_SHARD_BOUND: row(
    GRPC.failedPrecondition,
    'give-up',
    conflict,
    'An active range can be split only where two of its shards meet.',
  ),
  TOO_MANY_SHARDS: row(GRPC.failedPrecondition, 'give-up', conflict, 'A range has at most 512 shards.'),
  GENERATION_MISMATCH: row(
    GRPC.aborted,
    'refresh',
    conflict,
    'The range is not at the generation the caller expected.',
  ),
  OPERATION_REUSED: row(
    GRPC.alreadyExists,
    'give-up',
    conflict,
    'The operation id was used before for something else.',
  ),
  NOT_OWNER_REGION: row(
    GRPC.failedPrecondition,
    'refresh',
    conflict,
    'Only a server of the owner region, named in the error, may decide this.',
  ),
  NOT_ENOUGH_NODES: row(
    GRPC.failedPrecondition,
    'retry',
    failure,
    'The region has too few live nodes for the replicas asked.',
  ),
  NODE_ID_TAKEN: row(
    GRPC.alreadyExists,
    'give-up',
    conflict,
    'The disk of this node is older than the region remembers, or was cloned.',
  ),
  NODE_DECOMMISSIONED: row(
    GRPC.failedPrecondition,
    'give-up',
    conflict,
    'This node was taken out of the region for good; a new node needs an id of its own.',
  ),
  NODE_BUSY: row(
    GRPC.failedPrecondition,
    'give-up',
    conflict,
    'The node still holds replicas: let it leave first, or force it and count them as lost.',
  ),
  TOKEN_MISMATCH: row(
    GRPC.failedPrecondition,
    'refresh',
    conflict,
    'The request carries another token than the shard has.',
  ),
  TOKEN_STALE: row(GRPC.failedPrecondition, 'refresh', conflict, 'A replica has promised a higher token.'),
  NOT_LEADER: row(GRPC.failedPrecondition, 'refresh', conflict, 'This node does not lead the shard.'),
  NOT_SERVING: row(
    GRPC.unavailable,
    'retry',
    failure,
    'The leader has not sealed a write quorum yet, or the shard has no leader.',
  ),
  NOT_CONTROLLER: row(
    GRPC.failedPrecondition,
    'refresh',
    conflict,
    'Another server is the controller of the region; its address is in the error.',
  ),
  LEADERSHIP_LOST: row(
    GRPC.aborted,
    'retry',
    conflict,
    'The role moved to another process before the change was committed.',
  ),
  NO_NODE_LEASE: row(
    GRPC.unavailable,
    'retry',
    failure,
    'The node cannot prove that its region still counts it as alive.',
  ),
  NO_REGION_LEASE: row(GRPC.unavailable, 'retry', failure, 'The region cannot prove that it still owns the range.'),
  NODE_EPOCH_STALE: row(GRPC.failedPrecondition, 'give-up', conflict, 'The region has given this life of the node up.'),
  SESSION_EXPIRED: row(
    GRPC.failedPrecondition,
    'give-up',
    conflict,
    'The write is older than the window in which duplicates are recognised.',
  ),
  CLOCK_OFFSET: row(
    GRPC.failedPrecondition,
    'give-up',
    failure,
    'A clock is further ahead than the largest offset allowed.',
  ),
  TOO_STALE: row(GRPC.unavailable, 'retry', failure, 'The replica cannot show that its state is as young as asked.'),
  NO_ROUTE: row(GRPC.unavailable, 'retry', failure, 'The map names no leader for the key now.'),
  UNAVAILABLE: row(GRPC.unavailable, 'retry', failure, 'Nobody answered, and the request surely had no effect.'),
  OVERLOADED: row(GRPC.resourceExhausted, 'retry', failure, 'A bounded queue is full.'),
  COMPACTED: row(GRPC.outOfRange, 'refresh', failure, 'The history asked for is gone.'),
  OUTCOME_UNKNOWN: row(
    GRPC.deadlineExceeded,
    'unknown',
    unknown,
    'No answer came; the request may have had its effect, or may yet have it.',
  ),
  PORT_IN_USE: row(GRPC.failedPrecondition, 'give-up', failure, 'A port that is needed is taken.'),
  WORLD_IN_USE: row(GRPC.failedPrecondition, 'give-up', failure, 'Another process uses this data folder.'),
  TOOL_MISSING: row(GRPC.failedPrecondition, 'give-up', failure, 'A server binary was not found.'),
  CALIBRATION_FAILED: row(
    GRPC.failedPrecondition,
    'give-up',
    findings,
    'Measured round trips differ from the nominal ones by more than 2 ms + 2 %.',
  ),
  LINK_LEAK: row(GRPC.failedPrecondition, 'give-up', findings, 'Something crossed a link that was cut.'),
  INTERRUPTED: row(GRPC.cancelled, 'give-up', interrupted, 'The person or the supervisor asked to stop.'),
  INTERNAL: row(GRPC.internal, 'give-up', failure, 'A bug, or a failure nobody foresaw.'),
}

/** The code a bare gRPC status stands for, when the peer was not one of ours or sent no details. */
export function errorOfStatus(grpc: number): ErrorCode {
  switch (grpc) {
    case GRPC.invalidArgument:
      return 'INVALID_ARGUMENT'
    case GRPC.resourceExhausted:
      return 'REQUEST_TOO_LARGE'
    // Cancelled included: who gives up on a call does not learn what became of it.
    case GRPC.unavailable:
    case GRPC.deadlineExceeded:
    case GRPC.cancelled:
      return 'OUTCOME_UNKNOWN'
    default:
      return 'INTERNAL'
  }
}
