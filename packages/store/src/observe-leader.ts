import type { BackoffPolicy, Clock, Logger } from '@meridian/loop'
import { backoffMs } from '@meridian/loop'
import type { Revision } from '@meridian/topology'
import { electionPrefix, firstCreated } from './election-key.ts'
import type { Leader } from './election.ts'
import type { ReadOptions, RecordChange, Store, StoreRecord } from './store.ts'

/** Who leads as of one read; already history when it returns. For finding the leader, never for acting as one. */
export async function observeLeader(store: Store, role: string, options?: ReadOptions): Promise<Leader | undefined> {
  const { records } = await store.list(electionPrefix(role), options)
  return leaderOf(records)
}

export interface WatchLeaderOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Uniform in [0, 1); scatters retries. Default Math.random. */
  readonly random?: () => number
}

const RETRY: BackoffPolicy = { delayMsMin: 100, delayMsMax: 2000 }

/**
 * The leader now, then each other one (undefined: nobody), until the signal aborts. Leaderships too short to be seen
 * between two reads may be missing; the last one is always reported. A store out of reach is waited for in silence.
 */
export async function* watchLeader(
  store: Store,
  role: string,
  options: WatchLeaderOptions,
): AsyncGenerator<Leader | undefined, void> {
  const { clock, log, signal, random = Math.random } = options
  const prefix = electionPrefix(role)
  let told: Leader | undefined | 'nothing yet' = 'nothing yet'
  for (let failures = 0; !signal.aborted;) {
    try {
      const { records, revision } = await store.list(prefix, { signal })
      failures = 0
      const candidates = new Map(records.map((record) => [record.key, record]))
      let leader = leaderOf(candidates.values())
      if (told === 'nothing yet' || told?.token !== leader?.token) yield (told = leader)
      const fromRevision = (revision + 1n) as Revision
      for await (const event of store.watch({ fromRevision, prefixes: [prefix], signal })) {
        if (event.kind !== 'changes') continue
        for (const change of event.changes) followCandidate(candidates, change)
        leader = leaderOf(candidates.values())
        if (told?.token !== leader?.token) yield (told = leader)
      }
    } catch (error) {
      if (signal.aborted) return
      log.warn({ err: error, role }, 'leader not observed')
      try {
        await clock.sleep(backoffMs(RETRY, failures, random), signal)
      } catch {
        return // aborted: a watch ends without throwing
      }
      failures += 1
    }
  }
}

function leaderOf(candidates: Iterable<StoreRecord>): Leader | undefined {
  const first = firstCreated(candidates)
  return first && { token: first.createRevision, value: Buffer.from(first.value).toString() }
}

function followCandidate(candidates: Map<string, StoreRecord>, change: RecordChange): void {
  const { key, value, modRevision } = change
  if (value === undefined) candidates.delete(key)
  else {
    // A put to a standing candidate keeps its place in the queue.
    const createRevision = candidates.get(key)?.createRevision ?? modRevision
    candidates.set(key, { key, value, createRevision, modRevision })
  }
}
