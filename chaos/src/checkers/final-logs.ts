import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { nameOfRequest } from './operations.ts'

/** The committed log of one shard, put together from all copies of it that were made after the run. */
export interface FinalLog {
  readonly shard: string
  /** All between the two, both included, was copied from some replica. */
  readonly first: bigint
  readonly committed: bigint
  /** Of what lies below `first`: who wrote it, from which index on; as far as it is remembered, in order. */
  readonly lineage: readonly Run[]
  /** Items in the order of their indexes; those of one index side by side. */
  readonly items: readonly LogItem[]
  /** Two copies that differ below what both call committed, or a copy that holds one item twice. */
  readonly conflicts: readonly string[]
}

/** What one leader wrote. */
export interface Run {
  readonly token: string
  readonly first: bigint
}

export interface LogItem {
  readonly idx: bigint
  readonly token: string
  /** As the client names the request; empty for entries that nobody asked for. */
  readonly request: string
  readonly key: string
  readonly value: string
  readonly applied: boolean
}

export interface FinalLogs {
  readonly logs: ReadonlyMap<string, FinalLog>
  /** Copies that are missing rows: no log is made of them. */
  readonly broken: readonly string[]
}

export function finalLogsOf(history: readonly HistoryEvent[]): FinalLogs {
  const entries = Map.groupBy(eventsOf(history, 'log.entry'), ({ replica, shard }) => `${replica} ${shard}`)
  const broken: string[] = []
  const copies = new Map<string, EventOf<'log.end'>[]>()
  for (const end of eventsOf(history, 'log.end')) {
    const copied = entries.get(`${end.replica} ${end.shard}`)?.length ?? 0
    if (copied !== end.entries) broken.push(`${end.replica} of shard ${end.shard}: ${copied} of ${end.entries} rows`)
    else copies.set(end.shard, [...(copies.get(end.shard) ?? []), end])
  }
  const logs = new Map<string, FinalLog>()
  for (const [shard, ends] of copies) {
    logs.set(
      shard,
      together(
        shard,
        ends.map((end) => ({ end, entries: entries.get(`${end.replica} ${shard}`) ?? [] })),
      ),
    )
  }
  return { logs, broken }
}

interface Copy {
  readonly end: EventOf<'log.end'>
  readonly entries: readonly EventOf<'log.entry'>[]
}

function together(shard: string, copies: readonly Copy[]): FinalLog {
  const conflicts: string[] = []
  const byIndex = new Map<bigint, { readonly replica: string; readonly items: readonly LogItem[]; text: string }>()
  for (const { end, entries } of copies) {
    const committed = BigInt(end.committed)
    const own = Map.groupBy(entries.map(itemOf), ({ idx }) => idx)
    for (const [idx, items] of own) {
      if (idx > committed) continue
      const text = items.map(textOf).toSorted().join(', ')
      const known = byIndex.get(idx)
      if (known === undefined) byIndex.set(idx, { replica: end.replica, items, text })
      else if (known.text !== text)
        conflicts.push(`index ${idx} is ${known.text} at ${known.replica} and ${text} at ${end.replica}`)
    }
    for (let idx = BigInt(end.first); idx <= committed; idx += 1n) {
      if (!own.has(idx)) conflicts.push(`index ${idx} is missing at ${end.replica}`)
    }
  }
  const first = copies.map(({ end }) => BigInt(end.first)).reduce((a, b) => (a < b ? a : b))
  const committed = copies.map(({ end }) => BigInt(end.committed)).reduce((a, b) => (a > b ? a : b))
  const indexes = [...byIndex.keys()].toSorted((a, b) => (a < b ? -1 : 1))
  const lineage = copies.find(({ end }) => BigInt(end.first) === first)?.end.lineage?.map(runOf) ?? []
  return { shard, first, committed, lineage, conflicts, items: indexes.flatMap((idx) => byIndex.get(idx)?.items ?? []) }
}

/** The token under which `idx`, which lies below what was copied, was written; undefined when that is forgotten. */
export function trimmedTokenAt({ lineage }: FinalLog, idx: bigint): string | undefined {
  return lineage.findLast((run) => run.first <= idx)?.token
}

const runOf = ({ token, first }: { readonly token: string; readonly first: string }): Run => ({
  token,
  first: BigInt(first),
})

function itemOf({ idx, token, client, cseq, key, value, applied }: EventOf<'log.entry'>): LogItem {
  const request = client === '' ? '' : nameOfRequest({ client, cseq })
  return { idx: BigInt(idx), token, request, key, value, applied }
}

const textOf = ({ token, request, key, value, applied }: LogItem): string =>
  `${request === '' ? 'an entry of nobody' : `${request} ${key}${value}`} under ${token}${applied ? '' : ', passed over'}`
