import { compareTokens } from '@meridian/topology'
import type { NodeId, RangeDescriptor, ShardId, Token } from '@meridian/topology'
import type { TransferEntry, TransferPhase } from './journal.ts'
import type {
  NodePlace,
  Position,
  TransferEffect,
  TransferFacts,
  TransferPage,
  TransferShard,
  TransferState,
} from './transfer-state.ts'

/**
 * - `paged`: the target has a standby page. - `close`: it lacks little. - `barred`: every barrier is known.
 * - `caught`: a quorum of the target's replicas of every shard holds its barrier. - `owned`: G shows the commit.
 * - `cleaned`: the source stands by and the target leads. - `late`: too long without progress, or told to give up.
 * - `lost`: G shows that the range is no longer this transfer's. - `thawed`: the source takes writes again.
 */
export const TRANSFER_SIGNALS = [
  'paged',
  'close',
  'barred',
  'caught',
  'owned',
  'cleaned',
  'late',
  'lost',
  'thawed',
] as const
export type TransferSignal = (typeof TRANSFER_SIGNALS)[number]

export interface Finding {
  /** What leads on; undefined: still waiting. */
  readonly signal: TransferSignal | undefined
  readonly note: string
  readonly score: number
  readonly asks: readonly TransferEffect[]
  /** Something goes on that does not show in the score. */
  readonly installing: boolean
}

export const isFrozenStage = (phase: TransferPhase): boolean =>
  phase === 'freeze' || phase === 'catch-up' || phase === 'commit'

/** A log position before another one; tokens first. */
export function isBehind(a: { token: Token; index: bigint }, b: { token: Token; index: bigint }): boolean {
  const order = compareTokens(a.token, b.token)
  return order === 0 ? a.index < b.index : order < 0
}

/** What a look shows: a function of its arguments. */
export function find(state: TransferState, facts: TransferFacts): Finding {
  const { entry, range } = facts
  const { phase } = state
  const waits = (note: string, more: Partial<Finding> = {}): Finding => ({
    signal: undefined,
    note,
    score: 0,
    asks: [],
    installing: false,
    ...more,
  })
  if (phase === 'done' || phase === 'aborted') return waits(state.note)
  if (phase === 'clean') return cleaning(facts, waits)
  if (phase === 'aborting') {
    const { source } = facts
    if (source === undefined) return waits(`for ${entry.source} to show its page`)
    if (source.frozenFor === entry.operation) return waits(`for ${entry.source} to thaw`)
    return waits(entry.note, { signal: 'thawed' })
  }
  const lost = whyLost(entry, range)
  if (lost !== undefined) return waits(lost, { signal: 'lost' })
  const { source, target } = facts
  if (target === undefined || target.generation !== entry.generation || target.role !== 'standby') {
    return waits(`for ${entry.target} to follow the range`)
  }
  if (phase === 'prepare') return waits(`${entry.target} follows the range`, { signal: 'paged' })
  if (source === undefined || source.generation !== entry.generation || source.role !== 'owner') {
    return waits(`for ${entry.source} to show its page`)
  }
  switch (phase) {
    case 'follow':
      return following(state, entry, source, target, waits)
    case 'freeze':
      return barring(state, entry, source, target, waits)
    case 'catch-up':
      return catchingUp(state, entry, target, waits)
    case 'commit':
      // Looked at again before each attempt: replicas may have changed since.
      return catchingUp(state, entry, target, waits)
  }
}

type Waits = (note: string, more?: Partial<Finding>) => Finding

/** Why the range is no longer this transfer's; undefined while it is. */
function whyLost(entry: TransferEntry, range: RangeDescriptor | undefined): string | undefined {
  if (range === undefined) return 'the range is gone'
  const carried = range.status === 'moving' || range.status === 'frozen'
  if (carried && range.operation === entry.operation) return undefined
  if (range.owner !== entry.source) return `${range.owner} owns the range since ${range.operation}`
  return `${range.operation} ended it`
}

function cleaning({ entry, range, source, target }: TransferFacts, waits: Waits): Finding {
  // Later owners are no business of this transfer's.
  const since = range === undefined || range.owner !== entry.target || range.generation !== entry.generation + 1n
  if (since) return waits('moved; ownership has moved on since', { signal: 'cleaned' })
  const led = target?.role === 'owner' && target.generation === range.generation
  if (!led || target.shards.some(({ leader }) => leader === undefined)) {
    return waits(`for ${entry.target} to name its leaders`, { score: 0 })
  }
  if (source?.role !== 'standby' || source.generation !== range.generation) {
    return waits(`for ${entry.source} to stand by`, { score: 1 })
  }
  return waits('moved', { signal: 'cleaned', score: 2 })
}

function following(
  state: TransferState,
  entry: TransferEntry,
  source: TransferPage,
  target: TransferPage,
  waits: Waits,
): Finding {
  const asks = [...asksOf(target, 'replicas'), ...asksOf(source, 'leader')]
  let far = 0
  let worst = 0n
  let known = 0
  for (const shard of target.shards) {
    const leads = source.shards.find(({ shardId }) => shardId === shard.shardId)?.leader
    const lead = leads === undefined ? undefined : state.positions.get(leads.nodeId)?.get(shard.shardId)
    const lag = lead === undefined ? undefined : lagOf(state, shard, lead)
    if (lag !== undefined) known += 1
    if (lag === undefined || lag > state.timing.lagEntriesMax) far += 1
    if (lag !== undefined && lag > worst) worst = lag
  }
  const installing = target.shards.some(({ shardId, replicas }) =>
    replicas.some(({ nodeId }) => state.positions.get(nodeId)?.get(shardId)?.installing === true),
  )
  const score = known * 1_000_000_000 - far * 1_000_000 - Math.min(999_999, Number(worst))
  if (far > 0 || target.shards.length !== source.shards.length) {
    const lacks = known < target.shards.length ? '' : `, ${worst} entries at worst`
    return waits(`for ${entry.target} to copy: ${far} of ${target.shards.length} shards lack much${lacks}`, {
      asks,
      score,
      installing,
    })
  }
  return waits(`${entry.target} lacks at most ${state.timing.lagEntriesMax} entries of any shard`, { signal: 'close' })
}

/** Entries that a quorum of the shard's replicas lacks of what the leader has committed; undefined: not known. */
function lagOf(state: TransferState, shard: TransferShard, lead: Position): bigint | undefined {
  const lags = shard.replicas.map(({ nodeId }) => {
    const position = state.positions.get(nodeId)?.get(shard.shardId)
    if (position === undefined || position.installing) return undefined
    return position.lastIndex >= lead.commitIndex ? 0n : lead.commitIndex - position.lastIndex
  })
  const quorum = Math.floor(shard.replicas.length / 2) + 1
  return lags
    .filter((lag) => lag !== undefined)
    .toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .at(quorum - 1)
}

function barring(
  state: TransferState,
  entry: TransferEntry,
  source: TransferPage,
  target: TransferPage,
  waits: Waits,
): Finding {
  const missing = source.shards.filter(({ shardId }) => !state.barriers.has(shardId))
  const score = source.shards.length - missing.length
  if (missing.length === 0) return waits('every barrier is known', { signal: 'barred', score })
  // Where the target stands may be known by the time the last barrier is.
  const asks = [...asksOf({ ...source, shards: missing }, 'barriers'), ...asksOf(target, 'replicas')]
  const frozen = source.frozenFor === entry.operation
  const what = frozen ? `${missing.length} of ${source.shards.length} barriers` : `${entry.source} to freeze its page`
  return waits(`for ${what}`, { asks: frozen ? asks : [], score: frozen ? score + 1 : 0 })
}

function catchingUp(state: TransferState, entry: TransferEntry, target: TransferPage, waits: Waits): Finding {
  const behind = target.shards.filter((shard) => !holdsBarrier(state, shard))
  const score = target.shards.length - behind.length
  // A barrier of a shard that the target does not follow would be lost.
  const strange = [...state.barriers.keys()].some((id) => !target.shards.some(({ shardId }) => shardId === id))
  if (behind.length === 0 && !strange) return waits(`${entry.target} holds every barrier`, { signal: 'caught', score })
  const note = `for ${entry.target} to hold the barriers of ${behind.length} of ${target.shards.length} shards`
  return waits(note, { asks: asksOf({ ...target, shards: behind }, 'replicas'), score })
}

/** Whether every quorum that the target's next leader may seal has a replica with all that was acknowledged. */
function holdsBarrier({ barriers, positions }: TransferState, shard: TransferShard): boolean {
  const barrier = barriers.get(shard.shardId)
  if (barrier === undefined) return false
  const holders = (replicas: readonly NodePlace[]): boolean => {
    const holding = replicas.filter(({ nodeId }) => {
      const position = positions.get(nodeId)?.get(shard.shardId)
      if (position === undefined || position.installing || position.lastIndex < barrier.index) return false
      return compareTokens(position.lastToken, barrier.token) >= 0
    })
    return holding.length >= Math.floor(replicas.length / 2) + 1
  }
  return holders(shard.replicas) && (shard.prior === undefined || holders(shard.prior))
}

function asksOf(page: TransferPage, what: 'replicas' | 'leader' | 'barriers'): TransferEffect[] {
  const byNode = new Map<NodeId, { node: NodePlace; shards: ShardId[] }>()
  for (const shard of page.shards) {
    const places = what === 'replicas' ? [...shard.replicas, ...(shard.prior ?? [])] : [shard.leader]
    for (const node of places) {
      if (node === undefined) continue
      const asked = byNode.get(node.nodeId)
      if (asked === undefined) byNode.set(node.nodeId, { node, shards: [shard.shardId] })
      else if (asked.shards.at(-1) !== shard.shardId) asked.shards.push(shard.shardId)
    }
  }
  const kind = what === 'barriers' ? 'ask-barriers' : 'ask-positions'
  return [...byNode.values()].map((ask) => ({ kind, ...ask }))
}
