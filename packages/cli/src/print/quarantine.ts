import { fromWireToken } from '@meridian/protocol'
import type { QuarantinedEntry } from '@meridian/protocol'
import { formatKey, formatToken, keyOfBytes } from '@meridian/topology'
import type { NodeId, RegionId, ShardId } from '@meridian/topology'
import { printable, printableBytes } from '../printable.ts'
import { valueJson } from './rows.ts'
import { tableLines } from './table.ts'
import type { Cell, Layout } from './table.ts'

/** Rows that people are shown at once; `--json` has all. */
const SHARD_ROWS_MAX = 200

/** What one node keeps of one shard. */
export interface QuarantinedShard {
  readonly region: RegionId
  readonly node: NodeId
  readonly shardId: string
  readonly entries: bigint
}

/** A node that did not say what it keeps. */
export interface SilentNode {
  readonly region: RegionId
  readonly node: NodeId
  readonly error: string
}

/** An entry with the nodes that keep it: each of them may know more of it than the others. */
export interface KeptEntry {
  readonly entry: QuarantinedEntry
  readonly nodes: readonly NodeId[]
}

export function quarantineJson(shards: readonly QuarantinedShard[], silent: readonly SilentNode[]) {
  return { shards, silent }
}

export function quarantineLines(
  shards: readonly QuarantinedShard[],
  silent: readonly SilentNode[],
  layout: Layout,
): string[] {
  const shown = shards.slice(0, SHARD_ROWS_MAX)
  const hidden = shards.length - shown.length
  const table =
    shards.length === 0
      ? ['nothing is in quarantine']
      : tableLines(
          [{ title: 'region' }, { title: 'node', cut: true }, { title: 'shard' }, { title: 'entries', align: 'right' }],
          shown.map(({ region, node, shardId, entries }) => [region, node, printable(shardId), String(entries)]),
          layout,
        )
  return [
    ...table,
    ...(hidden === 0 ? [] : [layout.paint('faint', `and ${hidden} more; all of them with --json`)]),
    ...silent.map(({ region, node }) => layout.paint('bad', `${node} of ${region} did not tell`)),
  ]
}

/** One list of what several nodes keep of a shard, in order of position. */
export function mergeKept(
  kept: readonly { readonly node: NodeId; readonly entries: readonly QuarantinedEntry[] }[],
): readonly KeptEntry[] {
  const merged = new Map<string, { entry: QuarantinedEntry; nodes: NodeId[] }>()
  for (const { node, entries } of kept) {
    for (const entry of entries) {
      const id = `${entry.entry?.index} ${formatToken(fromWireToken(entry.entry?.token))}`
      const known = merged.get(id)
      if (known === undefined) merged.set(id, { entry, nodes: [node] })
      else {
        known.nodes.push(node)
        const better = known.entry.remains && !entry.remains ? entry : known.entry
        known.entry = { ...better, committed: known.entry.committed || entry.committed }
      }
    }
  }
  return [...merged.values()].toSorted((a, b) => Number((a.entry.entry?.index ?? 0n) - (b.entry.entry?.index ?? 0n)))
}

export function keptJson(shard: ShardId, entries: readonly KeptEntry[], more: boolean) {
  return { shardId: shard, entries: entries.map(keptEntryJson), more }
}

function keptEntryJson({ entry: { entry, committed, supersededBy, remains }, nodes }: KeptEntry) {
  const { generation, epoch } = fromWireToken(entry?.token)
  return {
    index: entry?.index ?? 0n,
    token: { generation, epoch },
    committed,
    supersededBy,
    remains,
    nodes,
    session: entry?.session ?? '',
    items: (entry?.items ?? []).map(({ sequence, key, value }) => ({
      sequence,
      key: formatKey(keyOfBytes(key)),
      ...(value === undefined ? { value: null, valueBase64: null } : valueJson(value)),
    })),
  }
}

/** A row for each key written: what a person may want to write again. */
export function keptLines(entries: readonly KeptEntry[], more: boolean, layout: Layout): string[] {
  if (entries.length === 0) return ['nothing is in quarantine']
  const table = tableLines(
    [
      { title: 'index', align: 'right' },
      { title: 'token' },
      { title: 'committed' },
      { title: 'lost to' },
      { title: 'key', cut: true },
      { title: 'value', cut: true },
    ],
    entries.flatMap(rowsOf),
    layout,
  )
  return more ? [...table, layout.paint('faint', 'and more; see --limit')] : table
}

function rowsOf({ entry: { entry, committed, supersededBy, remains } }: KeptEntry): Cell[][] {
  const head: Cell[] = [
    String(entry?.index ?? 0n),
    formatToken(fromWireToken(entry?.token)),
    committed ? { text: 'yes', tone: 'bad' } : 'not known',
    `g${supersededBy}`,
  ]
  const items = entry?.items ?? []
  if (items.length === 0) return [[...head, { text: remains ? 'trimmed' : 'barrier', tone: 'faint' }, '']]
  return items.map(({ key, value }) => [
    ...head,
    formatKey(keyOfBytes(key)),
    value === undefined ? { text: 'deleted', tone: 'faint' } : printableBytes(value),
  ])
}
