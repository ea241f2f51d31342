import { MeridianError } from './errors.ts'

/**
 * Names of things. Each is a branded string or number with one constructor, which is where it is checked; what comes
 * from the network or a person goes through it once and is trusted inside.
 */
export type KeyspaceName = string & { readonly __brand: 'KeyspaceName' }
export type RegionId = string & { readonly __brand: 'RegionId' }
export type ZoneId = string & { readonly __brand: 'ZoneId' }
export type NodeId = string & { readonly __brand: 'NodeId' }
/** Chosen by the caller of a mutation; the same id means the same call, however often it is sent. */
export type OperationId = string & { readonly __brand: 'OperationId' }
/** Unique over all keyspaces and never reused. */
export type RangeId = number & { readonly __brand: 'RangeId' }
/** `<range id at birth>.<ordinal>`: unique over all ranges and never reused, and kept through splits and merges. */
export type ShardId = string & { readonly __brand: 'ShardId' }

const NAME = /^[a-z][a-z0-9-]{0,31}$/

function name(kind: string, text: string): string {
  if (!NAME.test(text)) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} is no ${kind}: lower-case letters, digits and "-", a letter first, at most 32 characters`,
    )
  }
  return text
}

export const keyspaceName = (text: string): KeyspaceName => name('keyspace name', text) as KeyspaceName
export const regionId = (text: string): RegionId => name('region id', text) as RegionId
export const zoneId = (text: string): ZoneId => name('zone id', text) as ZoneId
export const nodeId = (text: string): NodeId => name('node id', text) as NodeId

const OPERATION = /^[A-Za-z0-9._:-]{1,64}$/

export function operationId(text: string): OperationId {
  if (!OPERATION.test(text)) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} is no operation id: 1 to 64 of letters, digits, ".", "_", ":", "-"`,
    )
  }
  return text as OperationId
}

export const RANGE_ID_MAX = 2 ** 32 - 1

export function rangeId(value: number): RangeId {
  if (!Number.isInteger(value) || value < 1 || value > RANGE_ID_MAX) {
    throw new MeridianError('INVALID_ARGUMENT', `${value} is no range id: an integer from 1 to ${RANGE_ID_MAX}`)
  }
  return value as RangeId
}

export const SHARD_ORDINAL_MAX = 2 ** 16 - 1

export function shardId(range: RangeId, ordinal: number): ShardId {
  if (!Number.isInteger(ordinal) || ordinal < 0 || ordinal > SHARD_ORDINAL_MAX) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${ordinal} is no shard ordinal: an integer from 0 to ${SHARD_ORDINAL_MAX}`,
    )
  }
  return `${range}.${ordinal}` as ShardId
}

/** The two halves of a shard id: the range it was born in and its ordinal there. */
export function shardIdParts(id: ShardId): { range: RangeId; ordinal: number } {
  const dot = id.indexOf('.')
  return { range: Number(id.slice(0, dot)) as RangeId, ordinal: Number(id.slice(dot + 1)) }
}

export function parseShardId(text: string): ShardId {
  const match = /^([1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,4})$/.exec(text)
  if (match === null) throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no shard id such as 12.0`)
  return shardId(rangeId(Number(match[1])), Number(match[2]))
}
