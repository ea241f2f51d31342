import { generation, journalKey, keyspaceName, operationId, rangeId, regionId, revision } from '@meridian/topology'
import type { Generation, KeyspaceName, OperationId, RangeId, RegionId, Revision } from '@meridian/topology'

/**
 * What a planned transfer has come to. Stored are all but `catch-up` and `commit`, which cost nobody a commit at G
 * while writes are refused: whoever continues a frozen transfer finds out again.
 *
 * - `prepare`: the range is moving; the target has no standby page under the range's generation yet.
 * - `follow`: the target copies.
 * - `freeze`: the range is frozen; not every leader has told its barrier yet.
 * - `catch-up`: every barrier is known; the target does not hold all of them yet.
 * - `commit`: the target holds all; the change of owner is on its way.
 * - `clean`: the target owns the range; the source has not stepped back yet.
 * - `aborting`: the range is its owner's as before; the source has not thawed yet.
 * - `done`, `aborted`: over.
 */
export const TRANSFER_PHASES = [
  'prepare',
  'follow',
  'freeze',
  'catch-up',
  'commit',
  'clean',
  'done',
  'aborting',
  'aborted',
] as const
export type TransferPhase = (typeof TRANSFER_PHASES)[number]

/** A planned transfer of one range, for as long as its operation is remembered. */
export interface TransferEntry {
  readonly kind: 'transfer'
  readonly operation: OperationId
  /** Rises with each step that was committed. */
  readonly opSeq: number
  readonly keyspace: KeyspaceName
  readonly rangeId: RangeId
  readonly source: RegionId
  readonly target: RegionId
  /** Of the range when the transfer began; it stays until the commit. */
  readonly generation: Generation
  readonly phase: TransferPhase
  /** Why somebody asked for it. */
  readonly reason: string
  readonly startedWallMs: number
  readonly updatedWallMs: number
  /** What it waits for, or why it ended. */
  readonly note: string
}

/**
 * - `taking`: the region's authority is gone; its ranges are going to standbys.
 * - `done`: what may be taken has been.
 * - `stopped`: the region came back first; what was not taken is its own.
 * - `braked`: the region is overdue and nothing is taken, because that would make matters worse.
 */
export const TAKEOVER_PHASES = ['taking', 'done', 'stopped', 'braked'] as const
export type TakeoverPhase = (typeof TAKEOVER_PHASES)[number]

/** The loss of a region's authority, and what became of its ranges. */
export interface TakeoverEntry {
  readonly kind: 'takeover'
  readonly operation: OperationId
  readonly region: RegionId
  /** The term of the region's lease that the loss began. */
  readonly term: bigint
  /** Address of the server that took it. */
  readonly authority: string
  /** Its election. */
  readonly elect: Revision
  /** Counter of the region's lease that did not move. */
  readonly counter: bigint
  /** How long that was watched by the authority's clock; 0 when an operator forced it. */
  readonly waitedMs: number
  readonly forced: boolean
  readonly observedWallMs: number
  readonly updatedWallMs: number
  /** Ranges moved so far. */
  readonly ranges: number
  /** Ranges that are still the region's. */
  readonly left: number
  readonly phase: TakeoverPhase
  /** Who got what and why; what is left and why. */
  readonly note: string
}

export type JournalEntry = TransferEntry | TakeoverEntry

/** Whether nothing more will happen to it. */
export function hasEnded(entry: JournalEntry): boolean {
  return entry.kind === 'transfer'
    ? entry.phase === 'done' || entry.phase === 'aborted'
    : entry.phase === 'done' || entry.phase === 'stopped'
}

export const takeoverOperation = (region: RegionId, term: bigint): OperationId =>
  operationId(`takeover:${region}:${term}`)

export const takeoverKey = (region: RegionId, term: bigint): string => journalKey(takeoverOperation(region, term))

const counters = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

/** Compact JSON in one spelling, counters as decimal strings. */
export function encodeJournal(entry: JournalEntry): Uint8Array {
  return Buffer.from(
    JSON.stringify(entry.kind === 'transfer' ? orderedTransfer(entry) : orderedTakeover(entry), counters),
  )
}

function orderedTransfer(entry: TransferEntry): TransferEntry {
  return {
    kind: 'transfer',
    operation: entry.operation,
    opSeq: entry.opSeq,
    keyspace: entry.keyspace,
    rangeId: entry.rangeId,
    source: entry.source,
    target: entry.target,
    generation: entry.generation,
    phase: entry.phase,
    reason: entry.reason,
    startedWallMs: entry.startedWallMs,
    updatedWallMs: entry.updatedWallMs,
    note: entry.note,
  }
}

function orderedTakeover(entry: TakeoverEntry): TakeoverEntry {
  return {
    kind: 'takeover',
    operation: entry.operation,
    region: entry.region,
    term: entry.term,
    authority: entry.authority,
    elect: entry.elect,
    counter: entry.counter,
    waitedMs: entry.waitedMs,
    forced: entry.forced,
    observedWallMs: entry.observedWallMs,
    updatedWallMs: entry.updatedWallMs,
    ranges: entry.ranges,
    left: entry.left,
    phase: entry.phase,
    note: entry.note,
  }
}

/** @throws Error on bytes that this code did not write: corruption or a newer version, never to be skipped */
export function decodeJournal(bytes: Uint8Array): JournalEntry {
  const text = Buffer.from(bytes).toString()
  try {
    const fields = Object(JSON.parse(text)) as Readonly<Record<string, unknown>>
    const entry = fields['kind'] === 'transfer' ? transferOf(fields) : takeoverOf(fields)
    if (Buffer.from(encodeJournal(entry)).toString() !== text) throw new Error('it is not in canonical form')
    return entry
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`stored journal entry does not decode: ${reason}; it begins ${text.slice(0, 160)}`, { cause })
  }
}

type Fields = Readonly<Record<string, unknown>>

function transferOf(fields: Fields): TransferEntry {
  return {
    kind: 'transfer',
    operation: operationId(text(fields, 'operation')),
    opSeq: integer(fields, 'opSeq'),
    keyspace: keyspaceName(text(fields, 'keyspace')),
    rangeId: rangeId(integer(fields, 'rangeId')),
    source: regionId(text(fields, 'source')),
    target: regionId(text(fields, 'target')),
    generation: generation(counter(fields, 'generation')),
    phase: oneOf(fields, 'phase', TRANSFER_PHASES),
    reason: text(fields, 'reason'),
    startedWallMs: integer(fields, 'startedWallMs'),
    updatedWallMs: integer(fields, 'updatedWallMs'),
    note: text(fields, 'note'),
  }
}

function takeoverOf(fields: Fields): TakeoverEntry {
  if (fields['kind'] !== 'takeover') throw new Error(`its kind is ${String(fields['kind'])}`)
  if (typeof fields['forced'] !== 'boolean') throw new Error('forced is no boolean')
  return {
    kind: 'takeover',
    operation: operationId(text(fields, 'operation')),
    region: regionId(text(fields, 'region')),
    term: counter(fields, 'term'),
    authority: text(fields, 'authority'),
    elect: revision(counter(fields, 'elect')),
    counter: counter(fields, 'counter'),
    waitedMs: integer(fields, 'waitedMs'),
    forced: fields['forced'],
    observedWallMs: integer(fields, 'observedWallMs'),
    updatedWallMs: integer(fields, 'updatedWallMs'),
    ranges: integer(fields, 'ranges'),
    left: integer(fields, 'left'),
    phase: oneOf(fields, 'phase', TAKEOVER_PHASES),
    note: text(fields, 'note'),
  }
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new Error(`${name} is no string`)
  return value
}

function integer(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new Error(`${name} is no integer`)
  return value
}

function counter(fields: Fields, name: string): bigint {
  const value = text(fields, name)
  if (!/^[0-9]{1,19}$/.test(value)) throw new Error(`${name} is no decimal counter`)
  return BigInt(value)
}

function oneOf<const T extends string>(fields: Fields, name: string, values: readonly T[]): T {
  const found = values.find((value) => value === fields[name])
  if (found === undefined) throw new Error(`${name} is none of ${values.join(', ')}`)
  return found
}
