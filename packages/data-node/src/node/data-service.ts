import { DataServiceDefinition, fromWireToken, toWireToken } from '@meridian/protocol'
import type {
  ItemResult,
  ReadRequest,
  ReadResponse,
  ReadValue,
  ScanRequest,
  ScanResponse,
  WriteRequest,
  WriteResponse,
} from '@meridian/protocol'
import { implement } from '@meridian/rpc'
import type { Service } from '@meridian/rpc'
import { compareEnds, EMPTY_KEY, KEY_BYTES_MAX, keyOfBytes, MeridianError, rangeContains } from '@meridian/topology'
import type { ErrorCode, Key, Token } from '@meridian/topology'
import { admitWrite, checkRegionLease } from '../fence/admit.ts'
import type { ShardRecord } from '../fence/shard-record.ts'
import type { WriteItem } from '../replica/log-entry.ts'
import type { ItemOutcome, ShardState } from '../replica/shard-state.ts'
import { checkedSession, fromWireItem, SEQUENCE_MAX, toWireKey, toWireRefusal, toWireValue } from '../wire.ts'
import { NODE_LIMITS } from './node-config.ts'
import { asRefusal, evaluate, recordOf, refusal, Refused, refusalOf } from './read-modes.ts'
import type { DoorOptions } from './read-modes.ts'

/** The door of the node. */
export function dataService(options: DoorOptions): Service {
  return implement(DataServiceDefinition, {
    write: (request) => write(options, request),
    read: (request) => read(options, request),
    scan: (request) => scan(options, request),
  })
}

async function write(options: DoorOptions, request: WriteRequest): Promise<WriteResponse> {
  const session = checkedSession(request.session)
  checkWriteBounds(request)
  const host = options.shard(request.shardId)
  const admission = admitWrite(host?.view, fromWireToken(request.token), options.leases.region, options.clock.nowMs())
  if (!admission.admitted || host === undefined)
    return { outcome: { $case: 'refusal', value: toWireRefusal(refusalOf(admission)) } }
  const record = recordOf(host)
  const refused = request.items.map((item) => itemRefusal(item, record))
  const items = request.items.flatMap((item, at): WriteItem[] =>
    refused[at] === undefined ? [fromWireItem(item)] : [],
  )
  let outcomes: readonly ItemOutcome[]
  try {
    outcomes = items.length === 0 ? [] : await host.write(session, items, () => lostAuthority(options, record))
  } catch (error) {
    // OUTCOME_UNKNOWN goes out as the call's error: a refusal would say that nothing happened.
    const refusal = asRefusal(error, host)
    if (refusal === undefined) throw error
    return { outcome: { $case: 'refusal', value: toWireRefusal(refusal) } }
  }
  let at = 0
  const results = request.items.map((item, asked): ItemResult => {
    const code = refused[asked]
    if (code !== undefined) return { sequence: item.sequence, index: 0n, duplicate: false, code }
    const outcome = outcomes[at++]
    if (outcome === undefined) throw new Error('fewer outcomes than items')
    return {
      sequence: item.sequence,
      index: BigInt(outcome.index),
      duplicate: outcome.duplicate,
      code: outcome.refusal ?? '',
    }
  })
  return { outcome: { $case: 'results', value: { items: results, token: toWireToken(record.token) } } }
}

/** Sampled at the acknowledgement: the region may have lost its authority while the replicas were asked (I10). */
function lostAuthority(options: DoorOptions, record: ShardRecord): MeridianError | undefined {
  if (checkRegionLease(record, options.leases.region, options.clock.nowMs()).admitted) return undefined
  return new MeridianError('OUTCOME_UNKNOWN', "the region's authority ran out before the write could be acknowledged")
}

function checkWriteBounds(request: WriteRequest): void {
  if (request.items.length === 0) throw new MeridianError('INVALID_ARGUMENT', 'a write has at least one item')
  if (request.items.length > NODE_LIMITS.itemsPerWriteMax) {
    throw new MeridianError('REQUEST_TOO_LARGE', `a write has at most ${NODE_LIMITS.itemsPerWriteMax} items`)
  }
  const sequences = new Set<bigint>()
  let bytes = 0
  for (const item of request.items) {
    bytes += item.key.length + (item.value?.length ?? 0)
    if (item.sequence > SEQUENCE_MAX) throw new MeridianError('INVALID_ARGUMENT', 'a sequence has at most 63 bits')
    if (sequences.has(item.sequence))
      throw new MeridianError('INVALID_ARGUMENT', `sequence ${item.sequence} stands twice in one write`)
    sequences.add(item.sequence)
  }
  if (bytes > NODE_LIMITS.writeBytesMax) {
    throw new MeridianError(
      'REQUEST_TOO_LARGE',
      `a write has at most ${NODE_LIMITS.writeBytesMax} bytes of keys and values`,
    )
  }
}

function itemRefusal(
  item: { readonly key: Uint8Array; readonly value?: Uint8Array | undefined },
  record: ShardRecord,
): ErrorCode | undefined {
  if (item.key.length > KEY_BYTES_MAX) return 'KEY_TOO_LARGE'
  if ((item.value?.length ?? 0) > NODE_LIMITS.valueBytesMax) return 'VALUE_TOO_LARGE'
  return rangeContains(record, keyOfBytes(item.key)) ? undefined : 'KEY_OUTSIDE_RANGE'
}

async function read(options: DoorOptions, request: ReadRequest): Promise<ReadResponse> {
  if (request.keys.length > NODE_LIMITS.keysPerReadMax) {
    throw new MeridianError('REQUEST_TOO_LARGE', `a read has at most ${NODE_LIMITS.keysPerReadMax} keys`)
  }
  const keys = request.keys.map(keyOfBytes)
  try {
    const { result, token, stalenessMs } = await evaluate(options, request, (state, shard) => {
      if (!keys.every((key) => rangeContains(shard, key)))
        throw new Refused(refusal('KEY_OUTSIDE_RANGE', 'a key lies outside the shard', shard))
      return { values: valuesOf(state, keys), index: BigInt(state.appliedIndex) }
    })
    return { outcome: { $case: 'results', value: { ...result, ...ageOf(token, stalenessMs) } } }
  } catch (error) {
    if (error instanceof Refused) return { outcome: { $case: 'refusal', value: toWireRefusal(error.refusal) } }
    throw error
  }
}

function valuesOf(state: ShardState, keys: readonly Key[]): ReadValue[] {
  let bytes = 0
  return keys.map((key) => {
    const stored = state.get(key)
    bytes += stored?.value.length ?? 0
    if (bytes > NODE_LIMITS.readBytesMax)
      throw new MeridianError('REQUEST_TOO_LARGE', 'the values asked for do not fit one response')
    return { value: stored === undefined ? undefined : toWireValue(stored.value), index: BigInt(stored?.index ?? 0) }
  })
}

async function scan(options: DoorOptions, request: ScanRequest): Promise<ScanResponse> {
  const start = keyOfBytes(request.start)
  const end = keyOfBytes(request.end)
  const rowsMax = Math.min(request.limit === 0 ? NODE_LIMITS.scanRowsDefault : request.limit, NODE_LIMITS.scanRowsMax)
  const { countOnly } = request
  try {
    const { result, token, stalenessMs } = await evaluate(options, request, (state, shard) => {
      const from = start < shard.start ? shard.start : start
      const to = compareEnds(end, shard.end) < 0 ? end : shard.end
      const empty = to !== EMPTY_KEY && from >= to
      const slice = empty
        ? { rows: [], count: 0, next: undefined }
        : state.scan(from, to, { rowsMax, bytesMax: NODE_LIMITS.readBytesMax, countOnly })
      const rows = slice.rows.map(([key, stored]) => ({
        key: toWireKey(key),
        value: toWireValue(stored.value),
        index: BigInt(stored.index),
      }))
      const next = slice.next === undefined ? undefined : toWireKey(slice.next)
      return { rows, count: BigInt(slice.count), next, index: BigInt(state.appliedIndex) }
    })
    return { outcome: { $case: 'results', value: { ...result, ...ageOf(token, stalenessMs) } } }
  } catch (error) {
    if (error instanceof Refused) return { outcome: { $case: 'refusal', value: toWireRefusal(error.refusal) } }
    throw error
  }
}

function ageOf(token: Token, stalenessMs: number): { token: ReturnType<typeof toWireToken>; stalenessMs: bigint } {
  return { token: toWireToken(token), stalenessMs: BigInt(Math.ceil(stalenessMs)) }
}
