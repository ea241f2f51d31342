import { fromWireToken, LogEntry as WireLogEntry, toWireToken } from '@meridian/protocol'
import type {
  AppendRequest as WireAppendRequest,
  Item as WireItem,
  Refusal as WireRefusal,
  ShardRecord as WireShardRecord,
} from '@meridian/protocol'
import {
  compareTokens,
  keyBytes,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  nodeEpoch,
  nodeId,
  operationId,
  parseShardId,
  rangeId,
  regionId,
} from '@meridian/topology'
import type { Key, ShardId, Token } from '@meridian/topology'
import type { FenceRefusal } from './fence/admit.ts'
import type { ReplicaAddress, ShardRecord } from './fence/shard-record.ts'
import type { LogEntry, LogPosition, WriteItem } from './replica/log-entry.ts'
import type { AppendRequest } from './replica/replica-message.ts'

/** Sequences beyond this would not survive the disk's signed 64 bits. */
export const SEQUENCE_MAX = 2n ** 63n - 1n
const SESSION_CHARS_MAX = 64

export function toWireKey(key: Key): Buffer {
  const bytes = keyBytes(key)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function toWireValue(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

export function fromWireRecord(wire: WireShardRecord): ShardRecord {
  return {
    shardId: parseShardId(wire.shardId),
    rangeId: rangeId(wire.rangeId),
    keyspace: keyspaceName(wire.keyspace),
    start: keyOfBytes(wire.start),
    end: keyOfBytes(wire.end),
    token: fromWireToken(wire.token),
    region: regionId(wire.region),
    leader:
      wire.leader === ''
        ? undefined
        : { nodeId: nodeId(wire.leader), address: wire.leaderAddress, nodeEpoch: nodeEpoch(wire.leaderNodeEpoch) },
    replicas: wire.replicas.map(fromWireReplica),
    prior: wire.prior.length === 0 ? undefined : wire.prior.map(fromWireReplica),
    role: wire.role === 'standby' ? 'standby' : 'owner',
    freeze: wire.freezeOperation === '' ? undefined : operationId(wire.freezeOperation),
    learners: wire.learners.map(fromWireReplica),
  }
}

function fromWireReplica(wire: { readonly nodeId: string; readonly address: string }): ReplicaAddress {
  return { nodeId: nodeId(wire.nodeId), address: wire.address }
}

function toWireReplica(replica: ReplicaAddress): { nodeId: string; address: string } {
  return { nodeId: replica.nodeId, address: replica.address }
}

export function toWireRecordOfShard(record: ShardRecord): WireShardRecord {
  return {
    shardId: record.shardId,
    rangeId: record.rangeId,
    keyspace: record.keyspace,
    start: toWireKey(record.start),
    end: toWireKey(record.end),
    token: toWireToken(record.token),
    region: record.region,
    leader: record.leader?.nodeId ?? '',
    leaderAddress: record.leader?.address ?? '',
    leaderNodeEpoch: record.leader?.nodeEpoch ?? 0n,
    role: record.role,
    freezeOperation: record.freeze ?? '',
    learners: record.learners.map(toWireReplica),
    prior: (record.prior ?? []).map(toWireReplica),
    replicas: record.replicas.map(toWireReplica),
  }
}

export function toWireRefusal(refusal: FenceRefusal): WireRefusal {
  const newest = refusal.newest === undefined ? undefined : toWireRecordOfShard(refusal.newest)
  return { code: refusal.code, message: refusal.message, newest }
}

/** The value is copied: a view would keep the whole message it came in alive as long as the value lives. */
export function fromWireItem(wire: WireItem): WriteItem {
  return {
    sequence: wire.sequence,
    key: keyOfBytes(wire.key),
    value: wire.value === undefined ? undefined : Buffer.from(wire.value),
  }
}

export function toWireItem(item: WriteItem): WireItem {
  return {
    sequence: item.sequence,
    key: toWireKey(item.key),
    value: item.value === undefined ? undefined : toWireValue(item.value),
  }
}

export function fromWireEntry(wire: WireLogEntry): LogEntry {
  return {
    index: fromWireIndex(wire.index),
    token: fromWireToken(wire.token),
    session: wire.session,
    items: wire.items.map(fromWireItem),
  }
}

export function toWireEntry(entry: LogEntry): WireLogEntry {
  return {
    index: BigInt(entry.index),
    token: toWireToken(entry.token),
    session: entry.session,
    items: entry.items.map(toWireItem),
  }
}

/** An entry as it lies on the disk: its wire form, so that one codec is tested. */
export function encodeEntry(entry: LogEntry): Uint8Array {
  return WireLogEntry.encode(toWireEntry(entry)).finish()
}

export function decodeEntry(bytes: Uint8Array): LogEntry {
  return fromWireEntry(WireLogEntry.decode(bytes))
}

export function toWireAppend(shard: ShardId, from: ReplicaAddress, request: AppendRequest): WireAppendRequest {
  return {
    shardId: shard,
    token: toWireToken(request.token),
    from: from.nodeId,
    fromAddress: from.address,
    previousIndex: BigInt(request.previous.index),
    previousToken: toWireToken(request.previous.token),
    entries: request.entries.map(toWireEntry),
    commitIndex: BigInt(request.commitIndex),
    install: request.install,
  }
}

/** @throws MeridianError INVALID_ARGUMENT when the entries are no piece of a log */
export function fromWireAppend(wire: WireAppendRequest): AppendRequest {
  const previous = { index: fromWireIndex(wire.previousIndex), token: fromWireToken(wire.previousToken) }
  const token = fromWireToken(wire.token)
  const entries = fromWireEntries(wire.entries, previous, token)
  const { install } = wire
  return { kind: 'append', token, previous, entries, commitIndex: fromWireIndex(wire.commitIndex), install }
}

/**
 * Entries as another node sent them, checked to be what can stand after `previous` in a log under `tokenMax`: inside, a
 * gap or a falling token is a broken invariant that ends the process, and no peer may cause that.
 */
export function fromWireEntries(wire: readonly WireLogEntry[], previous: LogPosition, tokenMax: Token): LogEntry[] {
  let { index, token } = previous
  return wire.map((each) => {
    const entry = fromWireEntry(each)
    const falls = compareTokens(entry.token, token) < 0 || compareTokens(entry.token, tokenMax) > 0
    if (falls || entry.index !== index + 1) {
      throw new MeridianError('INVALID_ARGUMENT', `entry ${entry.index} cannot follow entry ${index}`)
    }
    ;({ index, token } = entry)
    return entry
  })
}

/** Log positions are plain numbers inside: a log would need 285 years of a million entries a second to outgrow them. */
export function fromWireIndex(index: bigint): number {
  if (index > BigInt(Number.MAX_SAFE_INTEGER))
    throw new MeridianError('INVALID_ARGUMENT', `${index} is no log position`)
  return Number(index)
}

export function checkedSession(session: string): string {
  if (session.length === 0 || session.length > SESSION_CHARS_MAX || !/^[\x21-\x7e]+$/.test(session)) {
    throw new MeridianError('INVALID_ARGUMENT', `a session is 1 to ${SESSION_CHARS_MAX} printable ASCII characters`)
  }
  return session
}
