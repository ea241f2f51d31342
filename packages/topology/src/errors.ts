/**
 * Every way in which Meridian says no. What each means on the wire, whether to retry, and its text for people stand in
 * the one error table of `@meridian/protocol`; here is only the list, so that pure code can refuse by name.
 */
export const ERROR_CODES = [
  // what was asked makes no sense
  'INVALID_ARGUMENT',
  'KEY_TOO_LARGE',
  'VALUE_TOO_LARGE',
  'REQUEST_TOO_LARGE',
  'RANGE_EMPTY',
  'RANGE_OVERLAP',
  'CONFIG_INVALID',
  // what was asked for is not there, or there already
  'KEYSPACE_UNKNOWN',
  'KEYSPACE_EXISTS',
  'REGION_UNKNOWN',
  'RANGE_UNKNOWN',
  'SHARD_UNKNOWN',
  'NODE_UNKNOWN',
  'OPERATION_UNKNOWN',
  'KEY_OUTSIDE_RANGE',
  // the state of things forbids it now
  'RANGE_NOT_VACANT',
  'RANGE_NOT_ACTIVE',
  'RANGE_BUSY',
  'RANGE_FROZEN',
  'TRANSFER_ENDED',
  'NOT_ADJACENT',
  'OWNERS_DIFFER',
  'SPLIT_NOT_AT_SHARD_BOUND',
  'TOO_MANY_SHARDS',
  'GENERATION_MISMATCH',
  'OPERATION_REUSED',
  'NOT_OWNER_REGION',
  'NOT_ENOUGH_NODES',
  'NODE_ID_TAKEN',
  'NODE_DECOMMISSIONED',
  'NODE_BUSY',
  // authority
  'TOKEN_MISMATCH',
  'TOKEN_STALE',
  'NOT_LEADER',
  'NOT_SERVING',
  'NOT_CONTROLLER',
  'LEADERSHIP_LOST',
  'NO_NODE_LEASE',
  'NO_REGION_LEASE',
  'NODE_EPOCH_STALE',
  'SESSION_EXPIRED',
  'CLOCK_OFFSET',
  // the world
  'TOO_STALE',
  'NO_ROUTE',
  'UNAVAILABLE',
  'OVERLOADED',
  'COMPACTED',
  'OUTCOME_UNKNOWN',
  'PORT_IN_USE',
  'WORLD_IN_USE',
  'TOOL_MISSING',
  'CALIBRATION_FAILED',
  'LINK_LEAK',
  'INTERRUPTED',
  'INTERNAL',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** A refused or failed operation: normal, carried as data over the wire, never a broken invariant. */
export class MeridianError extends Error {
  override readonly name = 'MeridianError'
  readonly code: ErrorCode
  /** Machine-readable particulars; values are strings so that they cross the wire as they are. */
  readonly details: Readonly<Record<string, string>>

  constructor(
    code: ErrorCode,
    message: string,
    options?: { details?: Readonly<Record<string, string>>; cause?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options?.details ?? {}
  }
}

export function isMeridianError(error: unknown, code?: ErrorCode): error is MeridianError {
  return error instanceof MeridianError && (code === undefined || error.code === code)
}
