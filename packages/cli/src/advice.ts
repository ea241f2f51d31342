import { ERROR_TABLE } from '@meridian/protocol'
import type { RetryClass } from '@meridian/protocol'
import type { ErrorCode } from '@meridian/topology'

const BY_CODE: Partial<Record<ErrorCode, string>> = {
  KEYSPACE_UNKNOWN: 'see which there are: meridian keyspace list',
  REGION_UNKNOWN: 'see which there are: meridian status',
  RANGE_UNKNOWN: 'see where ranges start: meridian range list',
  SHARD_UNKNOWN: 'see which there are: meridian shard list',
  NODE_UNKNOWN: 'see which there are: meridian status',
  OPERATION_UNKNOWN: 'see which there are: meridian ops list --all',
  TRANSFER_ENDED: 'see how it ended: meridian ops list --all',
  RANGE_NOT_ACTIVE: 'open it first: meridian range open KEYSPACE/START',
  RANGE_NOT_VACANT: 'move its data with: meridian range transfer KEYSPACE/KEY --to REGION',
  RANGE_BUSY: 'see what is under way: meridian ops list; and what is drained: meridian region list',
  NOT_ADJACENT: 'see where ranges meet: meridian range list',
  SPLIT_NOT_AT_SHARD_BOUND: 'see where shards meet: meridian shard list',
  GENERATION_MISMATCH: 'look at the range again: meridian range list',
  OPERATION_REUSED: 'leave --operation out, and a new id is made',
  OUTCOME_UNKNOWN: 'look whether it had its effect before doing it again',
  NO_ROUTE: 'see what is missing: meridian status',
  UNAVAILABLE: 'see who answers: meridian status',
  PORT_IN_USE: 'end what listens there, or choose another base port',
  WORLD_IN_USE: 'end the other one, or use another folder with --data',
  TOOL_MISSING: 'see what was found: meridian doctor',
  INTERNAL: 'to see where it comes from, repeat with --debug',
}

const BY_CLASS: Record<RetryClass, string | undefined> = {
  retry: 'it may pass: try again',
  refresh: 'things have changed: look again, then repeat',
  'give-up': undefined,
  unknown: 'look whether it had its effect before doing it again',
}

/** What a person can do about an error, unless its message says so. */
export function adviceFor(code: ErrorCode, message: string): string | undefined {
  if (message.includes('meridian ') || message.includes('--operation')) return undefined
  return BY_CODE[code] ?? BY_CLASS[ERROR_TABLE[code].retry]
}
