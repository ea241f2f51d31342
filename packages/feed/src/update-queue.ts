import { comparePositions } from '@meridian/topology'
import type { FeedUpdate } from './feed-message.ts'

/** An update that cannot be applied yet, and since when it waits. */
export interface QueuedUpdate {
  readonly update: FeedUpdate
  readonly sinceMs: number
}

export const QUEUED_MESSAGES_MAX = 1024
export const QUEUED_BYTES_MAX = 8 * 1024 * 1024

/**
 * Updates in rising order of position, one per position. Two publishers may link one revision to different
 * predecessors (one of them began from a snapshot in between); the lower is kept, because whoever may apply the other
 * may apply it too. Over a bound the oldest goes: the snapshot that is being waited for most likely holds it already,
 * and if not, the gap it leaves is seen.
 */
export function enqueue(queue: readonly QueuedUpdate[], added: QueuedUpdate): readonly QueuedUpdate[] {
  const at = queue.findLastIndex((queued) => comparePositions(queued.update.position, added.update.position) <= 0)
  const same = queue[at]
  if (same !== undefined && comparePositions(same.update.position, added.update.position) === 0) {
    return same.update.previous <= added.update.previous ? queue : queue.with(at, { ...added, sinceMs: same.sinceMs })
  }
  return bounded(queue.toSpliced(at + 1, 0, added))
}

function bounded(queue: readonly QueuedUpdate[]): readonly QueuedUpdate[] {
  let bytes = queue.reduce((sum, queued) => sum + queued.update.bytes, 0)
  let from = 0
  for (const queued of queue) {
    if (queue.length - from <= QUEUED_MESSAGES_MAX && bytes <= QUEUED_BYTES_MAX) break
    bytes -= queued.update.bytes
    from += 1
  }
  return from === 0 ? queue : queue.slice(from)
}
