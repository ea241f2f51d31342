import type { Key, Token } from '@meridian/topology'

export interface WriteItem {
  /** Number of this write in its client's session; (session, sequence) is applied at most once (I20). */
  readonly sequence: bigint
  readonly key: Key
  /** Absent: delete the key. */
  readonly value: Uint8Array | undefined
}

/**
 * One entry of a shard's log. Three kinds:
 * - a write: a client's session and its items, all applied at this entry's index;
 * - a barrier: no session and no items; the first entry of a leader, below which everything is decided once it commits;
 * - a trim mark: no session and one item whose sequence is the index up to which entries need not be kept. Through the
 *   log, because a replica cannot know by itself what the others hold.
 */
export interface LogEntry {
  /** From 1, without gaps. */
  readonly index: number
  /** The token under which it was appended; never falls along the log (I15). */
  readonly token: Token
  readonly session: string
  readonly items: readonly WriteItem[]
}

/** Where a log ends, or where its trimmed part does. */
export interface LogPosition {
  readonly index: number
  readonly token: Token
}

/** What an entry weighs against byte bounds: its keys and values, and a flat charge for the rest. */
export function entryBytes(entry: LogEntry): number {
  let bytes = 64 + entry.session.length
  for (const item of entry.items) bytes += 16 + item.key.length + (item.value?.length ?? 0)
  return bytes
}

/** The index up to which a trim mark says that entries need not be kept, undefined for every other entry. */
export function trimMarkIndex(entry: LogEntry): number | undefined {
  const [mark] = entry.items
  return entry.session === '' && mark !== undefined ? Number(mark.sequence) : undefined
}

export function trimMarkItems(index: number): readonly WriteItem[] {
  return [{ sequence: BigInt(index), key: '' as Key, value: undefined }]
}
