import { compareTokens, rangeIsOpen, shardToken, tokensEqual } from '@meridian/topology'
import type { NodeEpoch, NodeId, NodeRecord, RangeId, RegionId, Revision, ShardId, Token } from '@meridian/topology'
import { BRAKE_OFF, braked } from './brake.ts'
import type { Brake } from './brake.ts'
import { observe, overdue, signalled } from './node-liveness.ts'
import type { NodeWatches } from './node-liveness.ts'
import { planPages } from './page-plan.ts'
import type { HandOver, PagePlan, PageTxn, PageWorld } from './page-world.ts'
import { RegionLimits } from './region-timing.ts'
import type { RegionTiming } from './region-timing.ts'
import type { Removal } from './region-view.ts'
import type { Renewals } from './renewals.ts'

/** Somebody who may still answer lease reads of a shard that has no leader any more. */
export interface Suspect {
  readonly nodeId: NodeId
  /** The life that led; a later one knows nothing of it. */
  readonly nodeEpoch: NodeEpoch
  /** Cleared once it reports to have applied this revision. */
  readonly revision: Revision
}

/** Why a leaderless shard is not given a leader yet. */
export interface Hold {
  readonly suspects: readonly Suspect[]
  /** Controller's clock when it knew of the removal: by W_N later every lease from before has run out. */
  readonly sinceMs: number
}

export interface ControllerState {
  readonly region: RegionId
  readonly replicaCount: number
  readonly timing: RegionTiming
  readonly watches: NodeWatches
  /** Last linearizable read of E that was answered; undefined before the first, and after trouble. */
  readonly provenMs: number | undefined
  readonly raftTerm: bigint | undefined
  /** Highest applied revision reported by each life. */
  readonly applied: ReadonlyMap<NodeId, { readonly nodeEpoch: NodeEpoch; readonly revision: Revision }>
  readonly holds: ReadonlyMap<ShardId, Hold>
  readonly wishes: ReadonlyMap<ShardId, Wish>
  readonly brake: Brake
  /** Since when ranges have been seen that should have a page here and have none. */
  readonly pagelessMs: ReadonlyMap<RangeId, number>
  /** Since when ranges have been seen that have a standby page here and are followed no more. */
  readonly unfollowedMs: ReadonlyMap<RangeId, number>
  /** When G was last asked for all it holds, by a question that was answered. */
  readonly caughtUpMs: number
  /** Node records as of the last look, to tell whether a suspect's life is over. */
  readonly nodes: ReadonlyMap<NodeId, NodeRecord>
}

/**
 * Who is to lead a shard next. It is told before nobody leads, so that no look at E comes between the two, and therefore
 * says under which token nobody will: at a lower one it waits, at a higher one it is past.
 */
export interface Wish {
  readonly target: NodeId
  readonly token: Token
}

export type RegionWorld = Pick<PageWorld, 'nodes' | 'pages' | 'ranges' | 'rangesRevision' | 'ownerPage'>

export type ControllerEvent =
  /** First event of a leadership: nothing is known of who was promised what by earlier controllers. */
  | {
      readonly kind: 'elected'
      readonly nowMs: number
      /** A revision above everything that earlier controllers committed. */
      readonly floor: Revision
      readonly world: RegionWorld
    }
  /** A linearizable read of the renewals was answered; `world` is what this server has applied of E and G. */
  | {
      readonly kind: 'looked'
      readonly nowMs: number
      readonly raftTerm: bigint
      readonly renewals: Renewals | undefined
      readonly renewalsRevision: Revision
      readonly world: RegionWorld
    }
  /** Something E should have done failed: silence from before proves nothing. */
  | { readonly kind: 'troubled' }
  /** A renewal said how far its node has applied. */
  | { readonly kind: 'reported'; readonly nodeId: NodeId; readonly nodeEpoch: NodeEpoch; readonly revision: Revision }
  /** Shards lost their leaders by a commit that this server has applied. */
  | { readonly kind: 'removed'; readonly nowMs: number; readonly removals: readonly Removal[] }
  /** The transaction of a `condemn` effect was refused, or its outcome is not known. */
  | { readonly kind: 'spared'; readonly nodes: readonly NodeId[] }
  /** Everything that G held at `askedMs` is in the worlds to come. */
  | { readonly kind: 'caught-up'; readonly askedMs: number }
  /** A shard that nobody leads, or will not lead in a moment, is to be led by this node, if it can. */
  | { readonly kind: 'wished'; readonly shardId: ShardId; readonly wish: Wish }

export type ControllerEffect =
  /** One transaction: if no renewal was committed since, every one of these lives is over. */
  | {
      readonly kind: 'condemn'
      readonly lives: readonly { readonly nodeId: NodeId; readonly nodeEpoch: NodeEpoch }[]
      readonly renewalsRevision: Revision
    }
  | { readonly kind: 'write-pages'; readonly txn: PageTxn }
  /** Ask G for all it holds. Nothing waits for it. */
  | { readonly kind: 'catch-up' }
  | { readonly kind: 'complain'; readonly refusals: PagePlan['refusals'] }

export function initialState(options: Pick<ControllerState, 'region' | 'replicaCount' | 'timing'>): ControllerState {
  return {
    ...options,
    watches: new Map(),
    provenMs: undefined,
    raftTerm: undefined,
    applied: new Map(),
    holds: new Map(),
    wishes: new Map(),
    brake: BRAKE_OFF,
    pagelessMs: new Map(),
    unfollowedMs: new Map(),
    caughtUpMs: -Infinity,
    nodes: new Map(),
  }
}

/** The whole decision of the controller. Pure: what it wants done comes back as effects, in the order to do them. */
export function step(
  state: ControllerState,
  event: ControllerEvent,
): readonly [ControllerState, readonly ControllerEffect[]] {
  switch (event.kind) {
    case 'elected':
      return [{ ...state, holds: holdsOfUnknownPast(event) }, []]
    case 'looked':
      return looked(state, event)
    case 'troubled':
      return [{ ...state, provenMs: undefined }, []]
    case 'reported': {
      const known = state.applied.get(event.nodeId)
      const older = known !== undefined && known.nodeEpoch > event.nodeEpoch
      if (older || (known?.nodeEpoch === event.nodeEpoch && known.revision >= event.revision)) return [state, []]
      const applied = new Map(state.applied)
      applied.set(event.nodeId, { nodeEpoch: event.nodeEpoch, revision: event.revision })
      return [{ ...state, applied }, []]
    }
    case 'removed':
      return [{ ...state, holds: heldBy(state, event.removals, event.nowMs) }, []]
    case 'spared':
      return [
        {
          ...state,
          watches: signalled(state.watches, event.nodes, 'spared'),
          brake: { ...state.brake, fallenMs: state.brake.fallenMs.slice(0, -event.nodes.length) },
        },
        [],
      ]
    case 'caught-up':
      return [{ ...state, caughtUpMs: event.askedMs }, []]
    case 'wished':
      return [{ ...state, wishes: new Map(state.wishes).set(event.shardId, event.wish) }, []]
  }
}

function looked(
  before: ControllerState,
  event: Extract<ControllerEvent, { kind: 'looked' }>,
): readonly [ControllerState, readonly ControllerEffect[]] {
  const { nowMs, raftTerm, renewals, world } = event
  const { timing } = before
  // Silence counts only while E demonstrably works: no gap between looks, and no election in it (R5, I12, J9).
  const restart =
    before.provenMs === undefined || nowMs - before.provenMs > timing.storeGapMsMax || before.raftTerm !== raftTerm
  const watches = observe(before.watches, world.nodes, renewals, nowMs, restart)
  const seen: ControllerState = {
    ...before,
    watches,
    provenMs: nowMs,
    raftTerm,
    nodes: new Map(world.nodes.map((node) => [node.nodeId, node])),
    pagelessMs: since(before.pagelessMs, pagelessOf(before.region, world), nowMs),
    unfollowedMs: since(before.unfollowedMs, unfollowedOf(before.region, world), nowMs),
  }
  const holds = stillHeld(seen, world, nowMs)
  const tokens = tokensOf(world, seen.wishes)
  const wishes = new Map(
    [...seen.wishes].filter(([shard, { token }]) => compareTokens(tokens.get(shard) ?? token, token) <= 0),
  )

  const [brake, fallen] = braked(before.brake, {
    nowMs,
    silent: overdue(watches, nowMs, timing.nodeWaitMs),
    up: world.nodes.filter(({ status }) => status === 'up').length,
    waitMs: timing.nodeWaitMs,
    slowStartEveryMs: timing.slowStartEveryMs,
  })
  const state: ControllerState = { ...seen, brake, holds, wishes }
  const silent = fallen.slice(0, RegionLimits.nodesPerTxnMax)
  if (silent.length > 0) {
    // Pages follow in the next round, on the node epochs that this transaction makes.
    const lives = silent.map((nodeId) => ({ nodeId, nodeEpoch: watches.get(nodeId)?.nodeEpoch ?? (0n as NodeEpoch) }))
    return [
      { ...state, watches: signalled(watches, silent, 'overdue') },
      [{ kind: 'condemn', lives, renewalsRevision: event.renewalsRevision }],
    ]
  }
  const vacant = [...wishes].filter(([shard, { token }]) => isAt(tokens, shard, token))
  const plan = planPages({
    ...world,
    region: state.region,
    replicaCount: state.replicaCount,
    isHeld: (shard) => state.holds.has(shard),
    wishes: new Map(vacant.map(([shard, { target }]) => [shard, target])),
    handOversMax: Math.max(0, RegionLimits.handOversMax - vacant.length),
    isOverdue: (range) => nowMs - (state.pagelessMs.get(range) ?? nowMs) >= timing.openGraceMs,
    isUnfollowed: (range) => isProvenUnfollowed(state, range),
  })
  const effects: ControllerEffect[] = plan.txns.map((txn) => ({ kind: 'write-pages', txn }))
  const unproven = [...state.unfollowedMs].some(
    ([range, sinceMs]) => nowMs - sinceMs >= timing.unfollowGraceMs && !isProvenUnfollowed(state, range),
  )
  if (unproven) effects.push({ kind: 'catch-up' })
  if (plan.refusals.length > 0) effects.push({ kind: 'complain', refusals: plan.refusals })
  return [{ ...state, wishes: withHandOvers(state.wishes, plan.handOvers) }, effects]
}

function isAt(tokens: ReadonlyMap<ShardId, Token>, shard: ShardId, token: Token): boolean {
  const now = tokens.get(shard)
  return now !== undefined && tokensEqual(now, token)
}

function withHandOvers(wishes: ControllerState['wishes'], handOvers: readonly HandOver[]): ReadonlyMap<ShardId, Wish> {
  if (handOvers.length === 0) return wishes
  const all = new Map(wishes)
  for (const { shardId, target, token } of handOvers) all.set(shardId, { target, token })
  return all
}

/**
 * A leaderless shard found at the election may be the first half of a hand-over, and who led it is written nowhere: any
 * of its replicas may have.
 */
function holdsOfUnknownPast({
  world,
  floor,
  nowMs,
}: Extract<ControllerEvent, { kind: 'elected' }>): ReadonlyMap<ShardId, Hold> {
  const lives = new Map(
    world.nodes.filter(({ status }) => status === 'up').map((node) => [node.nodeId, node.nodeEpoch]),
  )
  const holds = new Map<ShardId, Hold>()
  for (const { page } of world.pages.values()) {
    for (const shard of page.shards) {
      if (shard.status !== 'leaderless') continue
      const suspects = shard.replicas.flatMap((nodeId) => {
        const nodeEpoch = lives.get(nodeId)
        return nodeEpoch === undefined ? [] : [{ nodeId, nodeEpoch, revision: floor }]
      })
      if (suspects.length > 0) holds.set(shard.shardId, { suspects, sinceMs: nowMs })
    }
  }
  return holds
}

function heldBy(state: ControllerState, removals: readonly Removal[], nowMs: number): ReadonlyMap<ShardId, Hold> {
  if (removals.length === 0) return state.holds
  const holds = new Map(state.holds)
  for (const { shardId, nodeId, nodeEpoch, revision } of removals) {
    const others = holds.get(shardId)?.suspects ?? []
    holds.set(shardId, { suspects: [...others, { nodeId, nodeEpoch, revision }], sinceMs: nowMs })
  }
  return holds
}

/**
 * Whoever made a standby page may have seen more of G than this server. But not more than G held when this leadership
 * began, and that is here once G has been asked later (R14).
 */
function isProvenUnfollowed(state: ControllerState, range: RangeId): boolean {
  const sinceMs = state.unfollowedMs.get(range)
  return sinceMs !== undefined && state.caughtUpMs >= sinceMs + state.timing.unfollowGraceMs
}

function stillHeld(state: ControllerState, world: RegionWorld, nowMs: number): ReadonlyMap<ShardId, Hold> {
  if (state.holds.size === 0) return state.holds
  const vacant = leaderlessOf(world)
  return new Map(
    [...state.holds].filter(
      ([shard, { suspects, sinceMs }]) =>
        nowMs - sinceMs < state.timing.nodeWaitMs &&
        vacant.has(shard) &&
        suspects.some((suspect) => !isCleared(state, suspect)),
    ),
  )
}

function isCleared(state: ControllerState, { nodeId, nodeEpoch, revision }: Suspect): boolean {
  const record = state.nodes.get(nodeId)
  // Given up after W_N of silence, or followed by a new life that has the old one's disk: its leases are over.
  if (record === undefined || record.status !== 'up' || record.nodeEpoch !== nodeEpoch) return true
  const report = state.applied.get(nodeId)
  return report?.nodeEpoch === nodeEpoch && report.revision >= revision
}

/** Tokens of the shards that somebody wishes something of; nearly always there are none. */
function tokensOf(world: RegionWorld, wishes: ReadonlyMap<ShardId, Wish>): ReadonlyMap<ShardId, Token> {
  const tokens = new Map<ShardId, Token>()
  if (wishes.size === 0) return tokens
  for (const { page } of world.pages.values()) {
    for (const shard of page.shards) {
      const token = shardToken(page, shard)
      const known = tokens.get(shard.shardId)
      if (wishes.has(shard.shardId) && (known === undefined || compareTokens(known, token) < 0))
        tokens.set(shard.shardId, token)
    }
  }
  return tokens
}

function leaderlessOf({ pages }: RegionWorld): ReadonlySet<ShardId> {
  const found = new Set<ShardId>()
  for (const { page } of pages.values()) {
    for (const shard of page.shards) if (shard.status === 'leaderless') found.add(shard.shardId)
  }
  return found
}

/** Ranges that this region owns or follows and has no page of. */
function pagelessOf(region: RegionId, { ranges, pages }: RegionWorld): RangeId[] {
  return ranges
    .filter((range) => rangeIsOpen(range) && (range.owner === region || range.standbys.includes(region)))
    .map(({ rangeId }) => rangeId)
    .filter((id) => !pages.has(id))
}

/** Ranges with a standby page here which this region neither follows nor owns. */
function unfollowedOf(region: RegionId, { ranges, pages }: RegionWorld): RangeId[] {
  return ranges
    .filter(
      ({ rangeId, owner, standbys }) =>
        owner !== region && !standbys.includes(region) && pages.get(rangeId)?.page.role === 'standby',
    )
    .map(({ rangeId }) => rangeId)
}

/** Since when each of `ids` has been one without a break. */
function since(
  before: ReadonlyMap<RangeId, number>,
  ids: readonly RangeId[],
  nowMs: number,
): ReadonlyMap<RangeId, number> {
  return new Map(ids.map((id) => [id, before.get(id) ?? nowMs]))
}
