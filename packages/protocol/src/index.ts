// Generated messages keep their proto names, except those that would shadow a domain type: these say Wire.
export * from './gen/meridian/control/v1/control.ts'
export * from './gen/meridian/control/v1/operations.ts'
export * from './gen/meridian/control/v1/standstill.ts'
export * from './gen/meridian/data/v1/data.ts'
export * from './gen/meridian/feed/v1/feed.ts'
export * from './gen/meridian/region/v1/region.ts'
export * from './gen/meridian/tax/v1/tax.ts'
export {
  Position as WirePosition,
  Range as WireRange,
  Record as WireRecord,
  Replica as WireReplica,
  ShardRecord,
  Token as WireToken,
} from './gen/meridian/topology/v1/topology.ts'
export { ERROR_TABLE, errorOfStatus } from './error-table.ts'
export type { ErrorRow, RetryClass } from './error-table.ts'
export { decodeErrorDetails, encodeErrorDetails } from './error-details.ts'
export { REASON_CHARS_MAX } from './limits.ts'
export {
  fromWirePosition,
  fromWireRange,
  fromWireToken,
  toWirePosition,
  toWireRange,
  toWireRecord,
  toWireToken,
} from './mapping.ts'
export { shardRecordOf } from './shard-record.ts'
