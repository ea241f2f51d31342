import type { MemoryDisk } from '@meridian/data-node/memory'
import { formatKey, formatToken } from '@meridian/topology'
import type { ShardId } from '@meridian/topology'
import type { HistoryEntry } from '../../history/event.ts'
import { valueMark } from '../../history/value-mark.ts'

/** Which request wrote a value; undefined: none of the run's. */
export type RequestOf = (
  value: Uint8Array | undefined,
) => { readonly client: string; readonly cseq: string } | undefined

/**
 * What the disk of a replica holds of its logs, entry by entry. How far they are committed the disk may not know yet; what
 * still lives does. Whether an item was applied is told from what its session
 * had in the log before: a repetition is passed over, unless some node answered for the repetition itself.
 */
export function finalLogOf(
  replica: string,
  disk: MemoryDisk,
  keyspace: string,
  requestOf: RequestOf,
  answeredAt: ReadonlySet<string>,
  committed: ReadonlyMap<ShardId, number>,
): HistoryEntry[] {
  const entries: HistoryEntry[] = []
  for (const [shard, commitIndex] of committed) {
    const durable = disk.load(shard)
    if (durable === undefined) continue
    const seen = new Set<string>()
    let rows = 0
    for (const entry of durable.entries) {
      const idx = String(entry.index)
      const token = formatToken(entry.token)
      if (entry.items.length === 0) {
        rows += 1
        const none = { client: '', cseq: '', key: '', value: '', applied: true }
        entries.push({ kind: 'log.entry', replica, shard, idx, token, ...none })
      }
      for (const item of entry.items) {
        const name = `${entry.session}/${item.sequence}`
        const applied = !seen.has(name) || answeredAt.has(`${shard} ${name} ${idx}`)
        seen.add(name)
        rows += 1
        const { client = '', cseq = '' } = requestOf(item.value) ?? {}
        const value = item.value === undefined ? '' : valueMark(item.value)
        const key = `${keyspace}/${formatKey(item.key)}`
        entries.push({ kind: 'log.entry', replica, shard, idx, token, client, cseq, key, value, applied })
      }
    }
    const last = durable.base.index + durable.entries.length
    entries.push({
      kind: 'log.end',
      replica,
      shard,
      first: String(durable.base.index + 1),
      // The last entries may be committed by the disks of others, and on their way to this one.
      committed: String(Math.min(last, Math.max(durable.commitIndex, commitIndex))),
      last: String(last),
      entries: rows,
      lineage: durable.base.lineage.map(({ token, first }) => ({ token: formatToken(token), first: String(first) })),
    })
  }
  return entries
}
