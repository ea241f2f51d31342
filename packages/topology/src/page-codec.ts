import { crc32 } from 'node:zlib'
import { keyspaceName, nodeId, operationId, rangeId, shardId, shardIdParts } from './ids.ts'
import type { NodeId } from './ids.ts'
import { KEY_BYTES_MAX, keyOfBytes } from './key.ts'
import type { Key } from './key.ts'
import { nodesOfShard, pageComplaint, REPLICAS_MAX, SHARDS_PER_PAGE_MAX } from './page.ts'
import type { Freeze, Page, ReplicaChange, Shard } from './page.ts'
import { epoch, generation, nodeEpoch, revision } from './token.ts'

/**
 * The stored form of a page. A million shards are some two thousand of these, so a shard costs bytes, not a key of etcd.
 *
 *     page    = version, rangeId, text keyspace, page flags, generation, [text freeze operation, freeze revision],
 *               text start, text end, nextOrdinal, nodes, text node {nodes}, shards, shard {shards},
 *               CRC-32 of everything before it (4 bytes, big endian)
 *     shard   = flags, [birth range, ordinal], [shared, text suffix], epoch, replicas, node index {replicas},
 *               [leader's place among the replicas, leader's node epoch],
 *               [index of the node that joins], [replicas before, node index {replicas before}]
 *     text    = length, bytes
 *
 * Every number is an unsigned LEB128 varint. Page flag 1: it is a standby page. Page flag 2: it is frozen. Node ids stand
 * once per page, in order of first mention. Flag 1: the shard is assigned, and its leader follows. Flag 2: its id
 * follows; without it, it is the previous shard's with ordinal + 1 (before the first one: ordinal 0 of the page's range).
 * Flag 4: a node joins it. Flag 8: its replicas change, and those before follow; never with flag 4. A start is the first `shared` bytes of the previous start plus
 * a suffix; the first shard starts with the page and has neither.
 *
 * Example: range 7 of `cities`, generation 3, [de/, ∞), nodes a, b, c; shard 7.0 led by b (node epoch 5) at epoch 2,
 * shard 7.1 from de/3 on without a leader at epoch 1:
 *
 *     02  07  06 "cities"  00  03  03 "de/"  00  02  03  01 "a"  01 "b"  01 "c"  02
 *     01  02  03 00 01 02  01 05
 *     00  03 01 "3"  01  03 00 01 02
 *     crc
 *
 * The checksum finds every damage of up to four neighbouring bytes; it is no protection against a forger.
 */
const VERSION = 2
const PAGE_FLAG_STANDBY = 1
const PAGE_FLAG_FROZEN = 2
const FLAG_ASSIGNED = 1
const FLAG_ID = 2
const FLAG_JOINING = 4
const FLAG_JOINT = 8
const FLAGS = FLAG_ASSIGNED | FLAG_ID | FLAG_JOINING | FLAG_JOINT
const CHECKSUM_BYTES = 4
/** Distinct nodes that a page can mention. */
const NODES_MAX = SHARDS_PER_PAGE_MAX * REPLICAS_MAX * 2

export function encodePage(page: Page): Uint8Array {
  const complaint = pageComplaint(page)
  if (complaint !== undefined) throw new Error(`page of range ${page.rangeId} is invalid: ${complaint}`)
  const places = new Map<NodeId, number>()
  for (const shard of page.shards) {
    for (const node of nodesOfShard(shard)) if (!places.has(node)) places.set(node, places.size)
  }

  const out = new Writer()
  out.number(VERSION)
  out.number(page.rangeId)
  out.text(page.keyspace)
  out.number((page.role === 'standby' ? PAGE_FLAG_STANDBY : 0) | (page.freeze === undefined ? 0 : PAGE_FLAG_FROZEN))
  out.counter(page.generation)
  if (page.freeze !== undefined) {
    out.text(page.freeze.operation)
    out.counter(page.freeze.revision)
  }
  out.text(page.start)
  out.text(page.end)
  out.number(page.nextOrdinal)
  out.number(places.size)
  for (const node of places.keys()) out.text(node)
  out.number(page.shards.length)

  let previousStart: Key | undefined
  let expected = { range: page.rangeId, ordinal: 0 }
  for (const shard of page.shards) {
    const id = shardIdParts(shard.shardId)
    const follows = id.range === expected.range && id.ordinal === expected.ordinal
    out.number((shard.status === 'assigned' ? FLAG_ASSIGNED : 0) | (follows ? 0 : FLAG_ID) | flagOf(shard.change))
    if (!follows) {
      out.number(id.range)
      out.number(id.ordinal)
    }
    if (previousStart !== undefined) {
      const shared = sharedLength(previousStart, shard.start)
      out.number(shared)
      out.text(shard.start.slice(shared))
    }
    out.counter(shard.epoch)
    out.number(shard.replicas.length)
    for (const node of shard.replicas) out.number(places.get(node) ?? 0)
    if (shard.status === 'assigned') {
      out.number(shard.replicas.indexOf(shard.leader))
      out.counter(shard.leaderNodeEpoch)
    }
    if (shard.change?.kind === 'joining') out.number(places.get(shard.change.node) ?? 0)
    if (shard.change?.kind === 'joint') {
      out.number(shard.change.prior.length)
      for (const node of shard.change.prior) out.number(places.get(node) ?? 0)
    }
    previousStart = shard.start
    expected = { range: id.range, ordinal: id.ordinal + 1 }
  }
  return out.finish()
}

/** @throws Error naming the page when the bytes are damaged, of another version, or no valid page */
export function decodePage(bytes: Uint8Array): Page {
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  const sum = Buffer.from(bytes.subarray(body.length))
  if (sum.length !== CHECKSUM_BYTES || sum.readUInt32BE() !== crc32(body)) {
    throw new Error(`stored page of ${bytes.length} bytes does not decode: its checksum does not match`)
  }
  let name = 'of an unknown range'
  try {
    const input = new Reader(body)
    const version = input.number(255)
    if (version !== VERSION) throw new Error(`it is of version ${version}, and only version ${VERSION} is known here`)
    const range = rangeId(input.number(Number.MAX_SAFE_INTEGER))
    name = `of range ${range}`
    const page = readPage(input, range)
    const complaint = pageComplaint(page)
    if (complaint !== undefined) throw new Error(complaint)
    return page
  } catch (cause) {
    throw new Error(`stored page ${name} does not decode: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

function readPage(input: Reader, range: Page['rangeId']): Page {
  const keyspace = keyspaceName(input.key())
  const flags = input.number(PAGE_FLAG_STANDBY | PAGE_FLAG_FROZEN)
  const gen = generation(input.counter())
  const freeze: Freeze | undefined =
    flags & PAGE_FLAG_FROZEN ? { operation: operationId(input.key()), revision: revision(input.counter()) } : undefined
  const start = input.key()
  const end = input.key()
  const nextOrdinal = input.number(Number.MAX_SAFE_INTEGER)
  const nodes = Array.from({ length: input.number(NODES_MAX) }, () => nodeId(input.key()))
  const shards: Shard[] = []
  const count = input.number(SHARDS_PER_PAGE_MAX)
  let previousStart: Key | undefined
  let expected = { range, ordinal: 0 }
  for (let index = 0; index < count; index += 1) {
    const shardFlags = input.number(FLAGS)
    const id =
      shardFlags & FLAG_ID
        ? { range: rangeId(input.number(Number.MAX_SAFE_INTEGER)), ordinal: input.number(Number.MAX_SAFE_INTEGER) }
        : expected
    const shardStart: Key = previousStart === undefined ? start : input.keyAfter(previousStart)
    const facts = {
      shardId: shardId(id.range, id.ordinal),
      start: shardStart,
      epoch: epoch(input.counter()),
      replicas: Array.from({ length: input.number(REPLICAS_MAX) }, () => at(nodes, input.number(NODES_MAX))),
    }
    const shard: Shard =
      shardFlags & FLAG_ASSIGNED
        ? {
            ...facts,
            status: 'assigned',
            leader: at(facts.replicas, input.number(REPLICAS_MAX)),
            leaderNodeEpoch: nodeEpoch(input.counter()),
          }
        : { ...facts, status: 'leaderless' }
    const change = readChange(input, shardFlags, nodes)
    shards.push(change === undefined ? shard : { ...shard, change })
    previousStart = shardStart
    expected = { range: id.range, ordinal: id.ordinal + 1 }
  }
  if (!input.atEnd) throw new Error('bytes are left over')
  const role = flags & PAGE_FLAG_STANDBY ? 'standby' : 'owner'
  return { rangeId: range, keyspace, role, generation: gen, freeze, start, end, nextOrdinal, shards }
}

function flagOf(change: ReplicaChange | undefined): number {
  if (change === undefined) return 0
  return change.kind === 'joining' ? FLAG_JOINING : FLAG_JOINT
}

function readChange(input: Reader, flags: number, nodes: readonly NodeId[]): ReplicaChange | undefined {
  if (flags & FLAG_JOINING && flags & FLAG_JOINT) throw new Error('a shard changes in two ways at once')
  const node = (): NodeId => at(nodes, input.number(NODES_MAX))
  if (flags & FLAG_JOINING) return { kind: 'joining', node: node() }
  if (flags & FLAG_JOINT) return { kind: 'joint', prior: Array.from({ length: input.number(REPLICAS_MAX) }, node) }
  return undefined
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Error(`place ${index} of ${list.length} is named`)
  return item
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length += 1
  return length
}

const WRITER_BYTES_INITIAL = 4096
const VARINT_BYTES_MAX = 10

class Writer {
  #buffer = Buffer.allocUnsafe(WRITER_BYTES_INITIAL)
  #length = 0

  number(value: number): void {
    this.#reserve(VARINT_BYTES_MAX)
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#length++] = rest
  }

  counter(value: bigint): void {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) {
      this.number(Number(value))
      return
    }
    this.#reserve(VARINT_BYTES_MAX)
    let rest = value
    while (rest >= 0x80n) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#buffer[this.#length++] = Number(rest)
  }

  /** One byte per character: a key, or an ASCII name. */
  text(value: string): void {
    this.number(value.length)
    this.#reserve(value.length)
    this.#length += this.#buffer.write(value, this.#length, 'latin1')
  }

  finish(): Uint8Array {
    this.#reserve(CHECKSUM_BYTES)
    const sum = crc32(this.#buffer.subarray(0, this.#length))
    this.#length = this.#buffer.writeUInt32BE(sum, this.#length)
    return Uint8Array.from(this.#buffer.subarray(0, this.#length))
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

class Reader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length
  }

  /** A varint of at most `most`. */
  number(most: number): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.#byte()
      value += (byte & 0x7f) * factor
      if (value > most) throw new Error(`a number is above ${most}`)
      if (byte < 0x80) return value
      factor *= 0x80
    }
  }

  counter(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new Error('a counter is too long')
  }

  key(): Key {
    return keyOfBytes(this.#take(this.number(KEY_BYTES_MAX)))
  }

  keyAfter(previous: Key): Key {
    const shared = this.number(previous.length)
    // Both halves are keys, so the whole is one when its length is.
    const key = (previous.slice(0, shared) + this.key()) as Key
    if (key.length > KEY_BYTES_MAX) throw new Error(`a start has ${key.length} bytes`)
    return key
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset]
    if (byte === undefined) throw new Error('it ends too early')
    this.#offset += 1
    return byte
  }

  #take(length: number): Uint8Array {
    const from = this.#offset
    if (from + length > this.#bytes.length) throw new Error('it ends too early')
    this.#offset += length
    return this.#bytes.subarray(from, this.#offset)
  }
}
