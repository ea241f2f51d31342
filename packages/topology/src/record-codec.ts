import { formatTimestamp, parseTimestamp } from '@meridian/hlc'
import { keyspaceName, nodeId, operationId, rangeId, regionId, zoneId } from './ids.ts'
import { keyBytes, keyOfBytes } from './key.ts'
import type { Key } from './key.ts'
import { NODE_DUTIES, NODE_STATUSES, nodeComplaint, regionComplaint } from './node-record.ts'
import type { NodeRecord, RegionRecord } from './node-record.ts'
import { FAILOVER_POLICIES, RANGE_STATUSES, rangeComplaint } from './range-descriptor.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { generation, nodeEpoch } from './token.ts'

/**
 * The stored form of range, node and region records: compact JSON, readable with etcdctl, in exactly one spelling per
 * record. Digests of the map are taken over the stored bytes, so two writers of the same record must write the same
 * bytes: fields stand in a fixed order, counters are decimal strings, keys are lower-case hex.
 *
 * Example, the range [de/, ∞) of keyspace `cities`:
 *
 *     {"rangeId":7,"keyspace":"cities","start":"64652f","end":"","owner":"eu-west","standbys":["us-east"],
 *      "generation":"3","status":"active","failover":"auto","budgetMs":0,"operation":"import-7",
 *      "stamp":"<formatTimestamp>"}
 *
 * Both directions refuse what is not valid by throwing a plain Error: unchecked input must have been checked before it
 * is encoded (`rangeComplaint`, `nodeComplaint`, `regionComplaint`), and stored bytes that do not decode are corruption
 * or the work of a newer version, never something to skip or to overwrite. A field this version does not know is
 * refused for the same reason: writing the record back would drop it.
 */
export function encodeRange(range: RangeDescriptor): Uint8Array {
  accept('range', String(range.rangeId), rangeComplaint(range))
  return bytesOf({
    rangeId: range.rangeId,
    keyspace: range.keyspace,
    start: hexOf(range.start),
    end: hexOf(range.end),
    owner: range.owner,
    standbys: range.standbys,
    generation: String(range.generation),
    status: range.status,
    failover: range.failover,
    budgetMs: range.budgetMs,
    operation: range.operation,
    stamp: formatTimestamp(range.stamp),
  })
}

export function decodeRange(bytes: Uint8Array): RangeDescriptor {
  return decode('range', bytes, encodeRange, (fields) => ({
    rangeId: rangeId(fields.integer('rangeId')),
    keyspace: keyspaceName(fields.text('keyspace')),
    start: fields.key('start'),
    end: fields.key('end'),
    owner: regionId(fields.text('owner')),
    standbys: fields.texts('standbys').map(regionId),
    generation: generation(fields.counter('generation')),
    status: fields.oneOf('status', RANGE_STATUSES),
    failover: fields.oneOf('failover', FAILOVER_POLICIES),
    budgetMs: fields.integer('budgetMs'),
    operation: operationId(fields.text('operation')),
    stamp: parseTimestamp(fields.text('stamp')),
  }))
}

export function encodeNode(node: NodeRecord): Uint8Array {
  accept('node', node.nodeId, nodeComplaint(node))
  return bytesOf({
    nodeId: node.nodeId,
    region: node.region,
    zone: node.zone,
    address: node.address,
    capacity: node.capacity,
    nodeEpoch: String(node.nodeEpoch),
    status: node.status,
    duty: node.duty,
  })
}

export function decodeNode(bytes: Uint8Array): NodeRecord {
  return decode('node', bytes, encodeNode, (fields) => ({
    nodeId: nodeId(fields.text('nodeId')),
    region: regionId(fields.text('region')),
    zone: zoneId(fields.text('zone')),
    address: fields.text('address'),
    capacity: fields.integer('capacity'),
    nodeEpoch: nodeEpoch(fields.counter('nodeEpoch')),
    status: fields.oneOf('status', NODE_STATUSES),
    duty: fields.oneOf('duty', NODE_DUTIES),
  }))
}

export function encodeRegion(record: RegionRecord): Uint8Array {
  accept('region', record.region, regionComplaint(record))
  return bytesOf({ region: record.region, displayName: record.displayName, servers: record.servers })
}

export function decodeRegion(bytes: Uint8Array): RegionRecord {
  return decode('region', bytes, encodeRegion, (fields) => ({
    region: regionId(fields.text('region')),
    displayName: fields.text('displayName'),
    servers: fields.texts('servers'),
  }))
}

function accept(kind: string, id: string, complaint: string | undefined): void {
  if (complaint !== undefined) throw new Error(`${kind} record ${id} is invalid: ${complaint}`)
}

function bytesOf(fields: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(JSON.stringify(fields), 'utf8')
}

function hexOf(key: Key): string {
  return Buffer.from(keyBytes(key)).toString('hex')
}

/** Long enough to recognise the record, short enough for a log line. */
const EXCERPT_CHARS_MAX = 160

function decode<R>(kind: string, bytes: Uint8Array, encode: (record: R) => Uint8Array, read: (fields: Fields) => R): R {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    const record = read(new Fields(JSON.parse(buffer.toString('utf8'))))
    // Catches what field by field reading cannot: unknown fields, another order, upper-case hex, leading zeros.
    if (!buffer.equals(encode(record))) throw new Error('it is not in canonical form')
    return record
  } catch (cause) {
    const excerpt = JSON.stringify(buffer.toString('utf8').slice(0, EXCERPT_CHARS_MAX))
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`stored ${kind} record does not decode: ${reason}; it begins ${excerpt}`, { cause })
  }
}

/** Typed access to the fields of a parsed JSON object; every getter throws when the field is not what it should be. */
class Fields {
  readonly #values: ReadonlyMap<string, unknown>

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no JSON object')
    this.#values = new Map(Object.entries(value))
  }

  text(name: string): string {
    const value = this.#values.get(name)
    if (typeof value !== 'string') throw new Error(`${name} is no string`)
    return value
  }

  texts(name: string): string[] {
    const value: unknown = this.#values.get(name)
    if (!Array.isArray(value)) throw new Error(`${name} is no list`)
    return value.map((item: unknown) => {
      if (typeof item !== 'string') throw new Error(`${name} holds something that is no string`)
      return item
    })
  }

  integer(name: string): number {
    const value = this.#values.get(name)
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Error(`${name} is no integer`)
    return value
  }

  counter(name: string): bigint {
    const text = this.text(name)
    if (!/^[0-9]{1,19}$/.test(text)) throw new Error(`${name} is no decimal counter`)
    return BigInt(text)
  }

  key(name: string): Key {
    const text = this.text(name)
    if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new Error(`${name} is no key in hex`)
    return keyOfBytes(Buffer.from(text, 'hex'))
  }

  oneOf<const T extends string>(name: string, values: readonly T[]): T {
    const text = this.text(name)
    const value = values.find((candidate) => candidate === text)
    if (value === undefined) throw new Error(`${name} is none of ${values.join(', ')}`)
    return value
  }
}
