import type { ShardRecord } from '@meridian/protocol'
import type { NodeId, RangeId, Revision, ShardId } from '@meridian/topology'
import { AssignmentBook } from './assignment-book.ts'
import type { AssignmentSources } from './assignment-book.ts'
import { RegionLimits } from './region-timing.ts'

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
  sources: AssignmentSources,
  nodeId: NodeId,
  signal: AbortSignal,
): AsyncGenerator<AssignmentUpdate, void> {
  const { view, ranges, others } = sources
  const book = new AssignmentBook(sources, nodeId)
  const changes = new Changes()
  let wake: (() => void) | undefined
  const ring = (): void => wake?.()
  const unsubscribes = [
    view.subscribe((event) => {
      changes.pages(event.pages)
      if (event.nodes.length > 0) changes.nodes = true
      ring()
    }),
    ranges.subscribe(() => {
      changes.ranges = true
      ring()
    }),
    others.subscribe((ids) => {
      changes.pages(ids)
      ring()
    }),
  ]
  signal.addEventListener('abort', ring)
  try {
    let complete = true
    let toldRevision = -1n
    while (!signal.aborted) {
      if (view.revision === toldRevision && changes.none) {
        await new Promise<void>((resolve) => {
          wake = resolve
          if (signal.aborted) resolve()
        })
        wake = undefined
        continue
      }
      // One synchronous look: the records and the revision belong together.
      const revision = view.revision
      const { changed, removed } = book.turn(changes.take())
      yield* batchOf(complete, changed, removed, revision)
      complete = false
      toldRevision = revision
    }
  } finally {
    for (const unsubscribe of unsubscribes) unsubscribe()
    signal.removeEventListener('abort', ring)
  }
}

/** What may have changed since the last look. */
class Changes {
  #pages: Set<RangeId> | 'all' = 'all'
  nodes = true
  ranges = true

  pages(ids: readonly RangeId[] | undefined): void {
    if (ids === undefined) this.#pages = 'all'
    else if (this.#pages !== 'all') for (const id of ids) this.#pages.add(id)
  }

  get none(): boolean {
    return !this.nodes && !this.ranges && this.#pages !== 'all' && this.#pages.size === 0
  }

  take(): { readonly pages: ReadonlySet<RangeId> | 'all'; readonly nodes: boolean; readonly ranges: boolean } {
    const taken = { pages: this.#pages, nodes: this.nodes, ranges: this.ranges }
    this.#pages = new Set()
    this.nodes = false
    this.ranges = false
    return taken
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
