import { ShardRecord, shardRecordOf } from '@meridian/protocol'
import type { NodeId, NodeRecord, RegionId, Revision, ShardId } from '@meridian/topology'
import { RegionLimits } from './region-timing.ts'
import type { RegionView } from './region-view.ts'

/** What a node is told of its shards. */
export interface AssignmentUpdate {
  /** True for the first message: forget what is not in it (or in the messages that follow with revision 0). */
  readonly complete: boolean
  readonly shards: readonly ShardRecord[]
  readonly removed: readonly ShardId[]
  /**
   * Revision of E up to which the messages so far are everything: what a node reports as `applied_revision` once it has
   * acted on them. Zero in all but the last message of one batch.
   */
  readonly revision: Revision
}

const NOT_YET = 0n as Revision

/**
 * The shards that `nodeId` holds: everything first, then what changed, and a message without changes whenever the view
 * moves on, because a node has to prove how far it has applied (R6). Ends when `signal` aborts.
 *
 * States may be skipped, the newest never: what happened while the reader was slow arrives as one batch.
 */
export async function* assignmentsOf(
  view: RegionView,
  region: RegionId,
  nodeId: NodeId,
  signal: AbortSignal,
): AsyncGenerator<AssignmentUpdate, void> {
  let told = new Map<ShardId, Buffer>()
  let complete = true
  let stale = true
  let wake: (() => void) | undefined
  const ring = (): void => wake?.()
  const unsubscribe = view.subscribe((event) => {
    stale ||= event.pages.length > 0 || event.nodes.length > 0
    ring()
  })
  signal.addEventListener('abort', ring)
  try {
    let toldRevision = -1n
    while (!signal.aborted) {
      if (view.revision === toldRevision) {
        await new Promise<void>((resolve) => {
          wake = resolve
          if (signal.aborted) resolve()
        })
        wake = undefined
        continue
      }
      // One synchronous look: the records and the revision belong together.
      const revision = view.revision
      const changed: ShardRecord[] = []
      const removed: ShardId[] = []
      if (stale) {
        stale = false
        const next = new Map<ShardId, Buffer>()
        for (const record of recordsOf(view, region, nodeId)) {
          const id = record.shardId as ShardId
          const bytes = Buffer.from(ShardRecord.encode(record).finish())
          next.set(id, bytes)
          if (told.get(id)?.equals(bytes) !== true) changed.push(record)
        }
        for (const id of told.keys()) if (!next.has(id)) removed.push(id)
        told = next
      }
      yield* batchOf(complete, changed, removed, revision)
      complete = false
      toldRevision = revision
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', ring)
  }
}

function* batchOf(
  complete: boolean,
  shards: readonly ShardRecord[],
  removed: readonly ShardId[],
  revision: Revision,
): Generator<AssignmentUpdate, void> {
  const size = RegionLimits.assignmentShardsMax
  for (let from = 0; ; from += size) {
    const last = from + size >= shards.length
    const first = from === 0
    yield {
      complete: complete && first,
      shards: shards.slice(from, from + size),
      removed: first ? removed : [],
      revision: last ? revision : NOT_YET,
    }
    if (last) return
  }
}

/** Where two pages hold a shard, a split or merge is being adopted, and the higher generation counts. */
function recordsOf(view: RegionView, region: RegionId, nodeId: NodeId): ShardRecord[] {
  const nodes = new Map<NodeId, NodeRecord>(view.nodeRecords().map((node) => [node.nodeId, node]))
  const newest = new Map<ShardId, { generation: bigint; record: ShardRecord | undefined }>()
  for (const { page } of view.pages.values()) {
    for (const [index, shard] of page.shards.entries()) {
      const known = newest.get(shard.shardId)
      if (known !== undefined && known.generation >= page.generation) continue
      const record = shard.replicas.includes(nodeId) ? shardRecordOf(page, index, region, nodes) : undefined
      if (record === undefined && known === undefined) continue
      newest.set(shard.shardId, { generation: page.generation, record })
    }
  }
  return [...newest.values()].flatMap(({ record }) => record ?? [])
}
