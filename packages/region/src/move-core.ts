import { isWanted, shardToken, tokensEqual } from '@meridian/topology'
import type { NodeId, NodeRecord, Page, Shard, Token } from '@meridian/topology'
import type { ReplicaMove } from './move-record.ts'
import type { ShardPosition } from './replica-positions.ts'

/** Everything that the next step of a move depends on. */
export interface MoveSight {
  readonly move: ReplicaMove
  /** Where the shard stands, if this region owns it. */
  readonly found: { readonly page: Page; readonly shard: Shard } | undefined
  readonly nodes: readonly NodeRecord[]
  /** The leader's was asked for first, so what it had committed others may be asked to hold. */
  readonly positions: ReadonlyMap<NodeId, ShardPosition>
  /** Since the last progress, ms. */
  readonly stalledMs: number
  readonly deadlineMs: number
}

export type MoveStep =
  | { readonly kind: 'wait'; readonly note: string }
  /** The node that leaves leads the shard. */
  | { readonly kind: 'hand-over' }
  | { readonly kind: 'join' }
  | { readonly kind: 'finish' }
  | { readonly kind: 'abort'; readonly note: string }
  /** The page has nothing of it (any more). */
  | { readonly kind: 'close'; readonly phase: 'done' | 'aborted'; readonly note: string }

/** The next step of a move that is not over. */
export function nextStep(sight: MoveSight): MoveStep {
  const { move, found } = sight
  if (found === undefined)
    return { kind: 'close', phase: 'aborted', note: 'this region does not own the shard any more' }
  const { change, replicas } = found.shard
  if (change?.kind === 'joining' && change.node === move.to) return joining(sight, found.page, found.shard)
  if (change?.kind === 'joint' && replicas.includes(move.to)) return joint(sight, found.page, found.shard)
  return replicas.includes(move.to) && !replicas.includes(move.from)
    ? { kind: 'close', phase: 'done', note: '' }
    : { kind: 'close', phase: 'aborted', note: `node ${move.to} does not join the shard any more` }
}

/** What changes when a move gets on; equal for as long as it does not. */
export function progressOf({ move, found, positions }: MoveSight): string {
  const target = positions.get(move.to)
  const leader = found?.shard.status === 'assigned' ? found.shard.leader : '-'
  const { freeze } = found?.page ?? {}
  return [leader, freeze?.operation, target?.installing, target?.lastIndex, found?.shard.change?.kind].join(' ')
}

function joining(sight: MoveSight, page: Page, shard: Shard): MoveStep {
  const { move, nodes, stalledMs, deadlineMs } = sight
  const wait = (note: string): MoveStep =>
    stalledMs < deadlineMs
      ? { kind: 'wait', note }
      : { kind: 'abort', note: `no progress for ${Math.round(stalledMs / 1000)} s: ${note}` }
  if (page.freeze !== undefined) return { kind: 'wait', note: `the range is frozen by ${page.freeze.operation}` }
  if (!shard.replicas.includes(move.from)) return { kind: 'abort', note: `node ${move.from} is no replica any more` }
  const target = nodes.find(({ nodeId }) => nodeId === move.to)
  if (target?.status !== 'up') return wait(`node ${move.to} is ${target?.status ?? 'unknown'}`)
  const token = servedToken(sight, page, shard)
  if (typeof token === 'string') return wait(token)
  const set = shard.replicas.map((node) => (node === move.from ? move.to : node))
  const synced = inSync(sight, shard, token, set)
  if (!synced.includes(move.to)) return wait(`node ${move.to} has not caught up`)
  // I40: what counts from then on must hold what was committed.
  if (synced.length * 2 <= set.length) return wait(`only ${synced.join(', ')} of the new replicas are in sync`)
  if (shard.status !== 'assigned' || shard.leader !== move.from) return { kind: 'join' }
  const heir = nodes.some((node) => isWanted(node) && node.nodeId !== move.to && synced.includes(node.nodeId))
  if (!heir) return wait(`node ${move.from} leads it and nobody else could`)
  return stalledMs < deadlineMs ? { kind: 'hand-over' } : wait(`node ${move.from} goes on leading it`)
}

function joint(sight: MoveSight, page: Page, shard: Shard): MoveStep {
  if (page.freeze !== undefined) return { kind: 'wait', note: `the range is frozen by ${page.freeze.operation}` }
  const token = servedToken(sight, page, shard)
  if (typeof token === 'string') return { kind: 'wait', note: token }
  const synced = inSync(sight, shard, token, shard.replicas)
  if (synced.length * 2 <= shard.replicas.length)
    return { kind: 'wait', note: `only ${synced.join(', ')} of the new replicas are in sync` }
  return { kind: 'finish' }
}

/**
 * The shard's token if its leader says that it serves under it: its barrier, and everything before, is committed in every
 * set that counts. In words why not, otherwise.
 */
function servedToken({ positions }: MoveSight, page: Page, shard: Shard): Token | string {
  if (shard.status !== 'assigned') return 'the shard has no leader'
  const token = shardToken(page, shard)
  const leader = positions.get(shard.leader)
  if (leader === undefined) return `the leader, ${shard.leader}, does not answer`
  if (leader.role !== 'serving' || !tokensEqual(leader.promised, token))
    return `the leader, ${shard.leader}, does not serve yet`
  return token
}

/** Nodes of `set` that hold all that the leader had committed: their last entry is of its token, hence their log its log. */
function inSync({ positions }: MoveSight, shard: Shard, token: Token, set: readonly NodeId[]): NodeId[] {
  const leader = shard.status === 'assigned' ? positions.get(shard.leader) : undefined
  if (leader === undefined) return []
  return set.filter((node) => {
    const position = positions.get(node)
    if (position === undefined || position.installing) return false
    return tokensEqual(position.lastToken, token) && position.lastIndex >= leader.commitIndex
  })
}
