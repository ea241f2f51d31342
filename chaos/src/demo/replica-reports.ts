import { ReplicaServiceDefinition } from '@meridian/protocol'
import type { QuarantinedEntry, ShardPosition } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { isMeridianError } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import type { Recorder } from '../history/recorder.ts'
import type { DemoContext } from './demo-context.ts'
import { clientIn } from './demo-context.ts'
import { placeKey } from '../cities/place.ts'
import type { KnownShard } from './shards.ts'

const CALL_MS_MAX = 10_000
const PAGE_ENTRIES = 1000
/** Shards in one question. */
const SHARDS_PER_CALL = 256

/**
 * Shards of which no replica among `replicas` holds, under the generation that leads now, all that was committed when its
 * leader was asked.
 */
export async function caughtUp(
  context: DemoContext,
  pool: ChannelPool,
  seenFrom: RegionId,
  replicas: readonly string[],
  shards: readonly KnownShard[],
): Promise<number> {
  const { keyspace, signal } = context
  const { router } = clientIn(context, seenFrom).client
  const byLeader = new Map<string, string[]>()
  let unknown = 0
  for (const { anchor } of shards) {
    const routed = router.route(keyspace, placeKey(anchor))
    if (!routed.ok) {
      unknown += 1
      continue
    }
    const { address, shardId } = routed.route
    byLeader.set(address, [...(byLeader.get(address) ?? []), shardId])
  }
  const led = (await Promise.all([...byLeader].map(([address, ids]) => positions(pool, address, ids, signal)))).flat()
  const ids = led.map(({ shardId }) => shardId)
  const held = (await Promise.all(replicas.map((address) => positions(pool, address, ids, signal)))).flat()
  const byShard = Map.groupBy(held, ({ shardId }) => shardId)
  const behind = led.filter(
    (leader) =>
      !(byShard.get(leader.shardId) ?? []).some(
        ({ promised, commitIndex, installing }) =>
          !installing && promised?.generation === leader.promised?.generation && commitIndex >= leader.commitIndex,
      ),
  )
  return unknown + (shards.length - unknown - led.length) + behind.length
}

/** Empty for a node that does not answer (yet). */
async function positions(
  pool: ChannelPool,
  address: string,
  shardIds: readonly string[],
  signal: AbortSignal,
): Promise<readonly ShardPosition[]> {
  const client = clientOf(ReplicaServiceDefinition, pool.channel(address))
  const found: ShardPosition[] = []
  try {
    for (let from = 0; from < shardIds.length; from += SHARDS_PER_CALL) {
      const some = shardIds.slice(from, from + SHARDS_PER_CALL)
      const answer = await client.getPositions({ shardIds: some }, { timeoutMs: CALL_MS_MAX, signal })
      found.push(...answer.positions)
    }
  } catch (error) {
    if (!isMeridianError(error)) throw error
  }
  return found
}

export interface Quarantine {
  readonly shard: string
  readonly entries: readonly QuarantinedEntry[]
}

/** All that the nodes at these addresses have set aside of these shards. @throws MeridianError when one does not answer */
export async function quarantineOf(
  pool: ChannelPool,
  nodes: readonly string[],
  shards: readonly string[],
  signal: AbortSignal,
): Promise<readonly Quarantine[]> {
  const found: Quarantine[] = []
  for (const node of nodes) {
    const client = clientOf(ReplicaServiceDefinition, pool.channel(node))
    for (const { shardId, quarantinedEntries } of await positions(pool, node, shards, signal)) {
      if (quarantinedEntries === 0n) continue
      const entries: QuarantinedEntry[] = []
      for (let more = true; more;) {
        const last = entries.at(-1)?.entry
        const after = { afterIndex: last?.index ?? 0n, afterToken: last?.token }
        const call = { timeoutMs: CALL_MS_MAX, signal }
        const answer = await client.listQuarantine({ shardId, limit: PAGE_ENTRIES, ...after }, call)
        entries.push(...answer.entries)
        more = answer.more
      }
      found.push({ shard: shardId, entries })
    }
  }
  return found
}

export interface SetAside {
  readonly shard: string
  readonly index: bigint
  readonly session: string
  readonly sequences: readonly bigint[]
  /** Some replica knew it to be committed. */
  readonly committed: boolean
}

/** One report per shard for the checkers, also where nothing had to be set aside; an entry that several replicas set aside is one. */
export function recordQuarantine(
  recorder: Recorder,
  shards: readonly string[],
  quarantines: readonly Quarantine[],
): readonly SetAside[] {
  const merged = new Map<string, SetAside & { gen: bigint }>()
  const each = quarantines.flatMap(({ shard, entries }) => entries.map((entry) => ({ shard, ...entry })))
  for (const { shard, entry, committed } of each) {
    if (entry === undefined) continue
    const { index, session, items, token } = entry
    const gen = token?.generation ?? 0n
    const id = `${shard} ${index} ${gen}.${token?.epoch ?? 0n}`
    const before = merged.get(id)
    const sequences = items.map(({ sequence }) => sequence)
    merged.set(id, { shard, index, session, sequences, committed: committed || before?.committed === true, gen })
  }
  const all = [...merged.values()]
  const byShard = Map.groupBy(all, (entry) => entry.shard)
  for (const shard of new Set([...shards, ...byShard.keys()])) {
    const entries = byShard.get(shard) ?? []
    recorder.record({
      kind: 'quarantine.report',
      shard,
      range: 0,
      gen: String(entries[0]?.gen ?? 0n),
      entries: entries
        .filter(({ session }) => session !== '')
        .flatMap(({ session, sequences, index }) =>
          sequences.map((sequence) => ({ client: session, cseq: String(sequence), idx: String(index) })),
        ),
    })
  }
  return all.filter(({ session }) => session !== '')
}
