import { formatTimestamp } from '@meridian/hlc'
import { EMPTY_KEY, formatKey, rangeIsOpen } from '@meridian/topology'
import type { Key, KeyspaceName, RangeDescriptor, RegionId } from '@meridian/topology'
import { formatMs } from '../duration.ts'
import { tableLines } from './table.ts'
import type { Layout } from './table.ts'

/** The end of an interval: text for people, null for machines when there is none. */
export const endText = (end: Key): string => (end === EMPTY_KEY ? '∞' : formatKey(end))
export const endJson = (end: Key): string | null => (end === EMPTY_KEY ? null : formatKey(end))

export function rangeJson(range: RangeDescriptor) {
  const { rangeId, keyspace, owner, standbys, generation, status, failover, budgetMs, operation, stamp } = range
  return {
    rangeId,
    keyspace,
    start: formatKey(range.start),
    end: endJson(range.end),
    owner,
    standbys,
    generation,
    status,
    failover,
    budgetMs,
    operation,
    stamp: formatTimestamp(stamp),
  }
}

/** `auto`, or `manual 10.0 min`. */
export function policyText({ failover, budgetMs }: Pick<RangeDescriptor, 'failover' | 'budgetMs'>): string {
  return budgetMs === 0 ? failover : `${failover} ${formatMs(budgetMs)}`
}

const STATUS_TONES = { vacant: 'faint', active: 'good', moving: 'title', frozen: 'bad' } as const

export function rangeLines(ranges: readonly RangeDescriptor[], layout: Layout): string[] {
  if (ranges.length === 0) return ['no ranges']
  // Most worlds have one policy; a column that says the same of all would cost the keys their room.
  const anyManual = ranges.some(({ failover }) => failover !== 'auto')
  return tableLines(
    [
      { title: 'range', align: 'right' },
      { title: 'keyspace', cut: true },
      { title: 'start', cut: true },
      { title: 'end', cut: true },
      { title: 'owner' },
      { title: 'standbys', cut: true },
      { title: 'gen', align: 'right' },
      { title: 'status' },
      ...(anyManual ? [{ title: 'failover' }] : []),
    ],
    ranges.map((range) => [
      String(range.rangeId),
      range.keyspace,
      formatKey(range.start),
      endText(range.end),
      range.owner,
      range.standbys.join(' '),
      String(range.generation),
      { text: range.status, tone: STATUS_TONES[range.status] },
      ...(anyManual ? [policyText(range)] : []),
    ]),
    layout,
  )
}

/** What one keyspace consists of. */
export interface KeyspaceSummary {
  readonly keyspace: KeyspaceName
  readonly ranges: number
  /** Opened, whether or not they are on their way now. */
  readonly active: number
  readonly vacant: number
  /** Ranges by owner. */
  readonly owners: Readonly<Record<RegionId, number>>
}

/** In order of name. */
export function summarizeKeyspaces(ranges: readonly RangeDescriptor[]): KeyspaceSummary[] {
  const groups = Map.groupBy(ranges, (range) => range.keyspace)
  return [...groups.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([keyspace, members]) => {
      const active = members.filter(rangeIsOpen).length
      const owners: Record<RegionId, number> = {}
      for (const { owner } of members) owners[owner] = (owners[owner] ?? 0) + 1
      return { keyspace, ranges: members.length, active, vacant: members.length - active, owners }
    })
}

export function keyspaceLines(summaries: readonly KeyspaceSummary[], layout: Layout): string[] {
  if (summaries.length === 0) return ['no keyspaces; create one with: meridian keyspace create NAME --owner REGION']
  return tableLines(
    [
      { title: 'keyspace' },
      { title: 'ranges', align: 'right' },
      { title: 'active', align: 'right' },
      { title: 'vacant', align: 'right' },
      { title: 'owners', cut: true },
    ],
    summaries.map(({ keyspace, ranges, active, vacant, owners }) => [
      keyspace,
      String(ranges),
      String(active),
      String(vacant),
      Object.entries(owners)
        .map(([owner, count]) => `${owner} ${count}`)
        .join(', '),
    ]),
    layout,
  )
}
