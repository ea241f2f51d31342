import { hasEnded } from '@meridian/global'
import type { JournalEntry } from '@meridian/global'
import type { Operation } from '@meridian/protocol'

/** A journal entry as it is told. */
export function toWireOperation(entry: JournalEntry): Operation {
  const { operation, kind, phase, note } = entry
  const common = { operation, kind, phase, note, ended: hasEnded(entry) }
  if (entry.kind === 'transfer') {
    const moved = phase === 'clean' || phase === 'done' ? 1 : 0
    return {
      ...common,
      keyspace: entry.keyspace,
      rangeId: entry.rangeId,
      source: entry.source,
      target: entry.target,
      generation: entry.generation,
      reason: entry.reason,
      startedWallMs: BigInt(entry.startedWallMs),
      updatedWallMs: BigInt(entry.updatedWallMs),
      moved,
      left: 1 - moved,
    }
  }
  return {
    ...common,
    keyspace: '',
    rangeId: 0,
    source: entry.region,
    target: '',
    generation: entry.term,
    reason: entry.forced ? 'by hand' : `not renewed for ${(entry.waitedMs / 1000).toFixed(1)} s`,
    startedWallMs: BigInt(entry.observedWallMs),
    updatedWallMs: BigInt(entry.updatedWallMs),
    moved: entry.ranges,
    left: entry.left,
  }
}

/** Those in flight first, then the newest first. */
export function byRelevance(a: JournalEntry, b: JournalEntry): number {
  return Number(hasEnded(a)) - Number(hasEnded(b)) || b.updatedWallMs - a.updatedWallMs
}
