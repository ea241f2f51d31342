import type { DataNode } from '@meridian/data-node'
import type { MemoryDisk } from '@meridian/data-node/memory'
import { decodeRange, RANGE_PREFIX } from '@meridian/topology'
import type { Generation, RangeId, ShardId } from '@meridian/topology'
import type { QuarantinedEntry } from '../../history/move-event.ts'
import { rangeOfShard } from '../../history/shard-text.ts'
import { parseToken } from '../../history/token-text.ts'
import type { SimEtcd } from '../store/sim-etcd.ts'
import { finalLogOf } from './final-logs.ts'
import type { SimRecorder } from './sim-recorder.ts'

export interface FinalSources {
  readonly keyspace: string
  readonly global: SimEtcd
  readonly disks: ReadonlyMap<string, MemoryDisk>
  readonly node: (name: string) => DataNode | undefined
  /** Which request wrote a value. */
  readonly requestOf: (value: Uint8Array | undefined) => { readonly client: string; readonly cseq: string } | undefined
  /** `shard session/sequence index` of what a node answered for as newly applied. */
  readonly answeredAt: ReadonlySet<string>
}

/**
 * Copies the logs of all replicas that go by their range's newest generation, and reports what replicas put aside because
 * a newer lineage went on without it. A log of an older lineage is no evidence of what the shard holds.
 *
 * @returns how many entries are reported
 */
export function recordFinalState(recorder: SimRecorder, sources: FinalSources): number {
  const { keyspace, global, disks, node, requestOf, answeredAt } = sources
  const newest = newestGenerations(global)
  const lost = new Map<string, Map<string, QuarantinedEntry>>()
  const lineages = new Map<ShardId, Lineage>()
  for (const [name, disk] of disks) {
    const current = new Map<ShardId, number>()
    for (const status of node(name)?.status().shards ?? []) {
      if (!isCurrent(status, newest)) continue
      current.set(status.shardId, status.commitIndex)
      noteLineage(status.shardId, disk, lineages)
    }
    for (const entry of finalLogOf(name, disk, keyspace, requestOf, answeredAt, current)) recorder.record(entry)
  }
  for (const disk of disks.values())
    for (const shard of disk.shards) noteLost(shard, disk, requestOf, lineages.get(shard) ?? [], lost)
  let reported = 0
  for (const [place, entries] of lost) {
    const [shard = '', gen = ''] = place.split(' ')
    reported += entries.size
    recorder.record({
      kind: 'quarantine.report',
      shard,
      range: rangeOfShard(shard),
      gen,
      entries: [...entries.values()],
    })
  }
  return reported
}

/** Whether every shard has a replica whose log tells what it holds: one that has just come to another region has none yet. */
export function hasFinalState({ global, disks, node }: Pick<FinalSources, 'global' | 'disks' | 'node'>): boolean {
  const newest = newestGenerations(global)
  const statuses = [...disks.keys()].flatMap((name) => node(name)?.status().shards ?? [])
  const current = new Set(statuses.filter((status) => isCurrent(status, newest)).map(({ shardId }) => shardId))
  return statuses.every(({ shardId }) => current.has(shardId))
}

type ShardStatus = ReturnType<DataNode['status']>['shards'][number]

function isCurrent(
  { shardId, role, promised, installing }: ShardStatus,
  newest: ReadonlyMap<number, Generation>,
): boolean {
  return role !== 'none' && !installing && parseToken(promised).generation === newest.get(rangeOfShard(shardId))
}

/** Where each generation begins in a log. */
type Lineage = { readonly first: number; readonly generation: bigint }[]

function noteLineage(shard: ShardId, disk: MemoryDisk, lineages: Map<ShardId, Lineage>): void {
  const { base, entries } = disk.load(shard) ?? { base: undefined, entries: [] }
  const lineage: Lineage = []
  for (const { token, first } of [
    ...(base?.lineage ?? []),
    ...entries.map((entry) => ({ token: entry.token, first: entry.index })),
  ]) {
    if ((lineage.at(-1)?.generation ?? -1n) < token.generation) lineage.push({ first, generation: token.generation })
  }
  const known = lineages.get(shard)
  // The longest one: another replica may not have come as far.
  if (known === undefined || (known.at(-1)?.generation ?? 0n) < (lineage.at(-1)?.generation ?? 0n))
    lineages.set(shard, lineage)
}

function noteLost(
  shard: ShardId,
  disk: MemoryDisk,
  requestOf: FinalSources['requestOf'],
  lineage: Lineage,
  lost: Map<string, Map<string, QuarantinedEntry>>,
): void {
  for (const { entry, supersededBy } of disk.quarantine(shard)) {
    // Whoever reports may have come back late, when others had moved the range further: the generation that was lost is
    // the one before the first that went on without it.
    const { generation } = entry.token
    const fork = lineage.find((run) => run.generation > generation && run.first <= entry.index)
    const place = `${shard} ${(fork?.generation ?? supersededBy) - 1n}`
    const entries = lost.get(place) ?? new Map<string, QuarantinedEntry>()
    lost.set(place, entries)
    for (const item of entry.items) {
      const request = requestOf(item.value)
      const idx = String(entry.index)
      if (request !== undefined) entries.set(`${request.client}/${request.cseq} ${idx}`, { ...request, idx })
    }
  }
}

function newestGenerations({ cluster }: SimEtcd): ReadonlyMap<number, Generation> {
  const ranges = cluster.history.list(RANGE_PREFIX).map(({ value }) => decodeRange(value))
  return new Map(ranges.map(({ rangeId, generation }): [RangeId, Generation] => [rangeId, generation]))
}
