import { formatTimestamp, parseTimestamp } from '@meridian/hlc'
import {
  FAILOVER_POLICIES,
  generation,
  incarnation,
  keyBytes,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  operationId,
  RANGE_STATUSES,
  rangeId,
  regionId,
  revision,
  token,
} from '@meridian/topology'
import type { Position, RangeDescriptor, Token } from '@meridian/topology'
import type {
  Position as WirePosition,
  Range as WireRange,
  Record as WireRecord,
  Token as WireToken,
} from './gen/meridian/topology/v1/topology.ts'

/** An absent token is the zero token, which equals no token that was ever decided. */
export function fromWireToken(wire: WireToken | undefined): Token {
  return token(wire?.generation ?? 0n, wire?.epoch ?? 0n)
}

export function toWireToken(value: Token): WireToken {
  return { generation: value.generation, epoch: value.epoch }
}

export function fromWirePosition(wire: WirePosition | undefined): Position {
  return { incarnation: incarnation(wire?.incarnation ?? 0n), revision: revision(wire?.revision ?? 0n) }
}

export function toWirePosition(value: Position): WirePosition {
  return { incarnation: value.incarnation, revision: value.revision }
}

export function toWireRecord(key: string, value: Uint8Array | undefined): WireRecord {
  return { key, value: value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.byteLength) }
}

export function toWireRange(range: RangeDescriptor): WireRange {
  return {
    rangeId: range.rangeId,
    keyspace: range.keyspace,
    start: Buffer.from(keyBytes(range.start)),
    end: Buffer.from(keyBytes(range.end)),
    owner: range.owner,
    standbys: [...range.standbys],
    generation: range.generation,
    status: range.status,
    failover: range.failover,
    budgetMs: BigInt(range.budgetMs),
    operation: range.operation,
    stamp: formatTimestamp(range.stamp),
  }
}

/** @throws MeridianError INVALID_ARGUMENT when a field is not what it should be */
export function fromWireRange(wire: WireRange): RangeDescriptor {
  const status = RANGE_STATUSES.find((known) => known === wire.status)
  if (status === undefined)
    throw new MeridianError('INVALID_ARGUMENT', `unknown range status ${JSON.stringify(wire.status)}`)
  const failover = FAILOVER_POLICIES.find((known) => known === wire.failover)
  if (failover === undefined)
    throw new MeridianError('INVALID_ARGUMENT', `unknown failover policy ${JSON.stringify(wire.failover)}`)
  return {
    rangeId: rangeId(wire.rangeId),
    keyspace: keyspaceName(wire.keyspace),
    start: keyOfBytes(wire.start),
    end: keyOfBytes(wire.end),
    owner: regionId(wire.owner),
    standbys: wire.standbys.map(regionId),
    generation: generation(wire.generation),
    status,
    failover,
    budgetMs: Number(wire.budgetMs),
    operation: operationId(wire.operation),
    stamp: parseTimestamp(wire.stamp),
  }
}
