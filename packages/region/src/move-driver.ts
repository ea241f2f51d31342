import type { Clock, Logger } from '@meridian/loop'
import type { Operation } from '@meridian/store'
import {
  abortMove,
  beginMove,
  encodeNode,
  finishMove,
  isMeridianError,
  joinMove,
  MeridianError,
  nodeKey,
  operationId,
} from '@meridian/topology'
import type { NodeId, OperationId, PageDecision, Revision, ShardId } from '@meridian/topology'
import { nextStep, progressOf } from './move-core.ts'
import type { MoveSight, MoveStep } from './move-core.ts'
import { gone, movesToBegin, suspectsOf, targetOf } from './move-planner.ts'
import type { PlannedMove } from './move-planner.ts'
import { encodeMove, isOver, moveKey } from './move-record.ts'
import type { ReplicaMove } from './move-record.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { loadOf } from './page-world.ts'
import { PositionSurvey } from './position-survey.ts'
import type { Survey } from './position-survey.ts'
import { RegionLimits } from './region-timing.ts'
import type { RegionTiming } from './region-timing.ts'
import type { RegionView, StoredPage } from './region-view.ts'
import type { ReplicaPositions } from './replica-positions.ts'
import type { TermWriter } from './term-writer.ts'
import type { Turns } from './turns.ts'

export interface MoveDriverOptions {
  readonly view: RegionView
  readonly ranges: OwnedRanges
  readonly positions: ReplicaPositions
  readonly writer: TermWriter
  readonly turns: Turns
  readonly timing: RegionTiming
  readonly clock: Clock
  /** For people: when a move began and last changed. */
  readonly wallMs: () => number
  readonly log: Logger
  /** Hands a shard to another replica; settles when it is done or given up. */
  readonly handOver: (shard: ShardId, signal: AbortSignal) => Promise<void>
  readonly ring: () => void
}

export interface MoveOrder {
  readonly operation: OperationId
  readonly shardId: ShardId
  readonly from: NodeId
  /** Undefined: the controller chooses. */
  readonly to: NodeId | undefined
}

/**
 * Moves replicas from node to node, a few at a time, by what the pages and the move records say (R18): any controller
 * goes on where another stopped. Also sees nodes off that are leaving.
 */
export class MoveDriver {
  readonly #options: MoveDriverOptions
  readonly #survey: PositionSurvey
  readonly #progress = new Map<OperationId, { readonly seen: string; readonly sinceMs: number }>()
  readonly #handing = new Set<ShardId>()

  constructor(options: MoveDriverOptions) {
    // Clocks tell parts of milliseconds; records do not.
    this.#options = { ...options, wallMs: () => Math.round(options.wallMs()) }
    this.#survey = new PositionSurvey(options)
  }

  /**
   * Begins a move; it goes on by itself. The same again finds it.
   *
   * @throws MeridianError OPERATION_REUSED, SHARD_UNKNOWN, NOT_OWNER_REGION, INVALID_ARGUMENT, NODE_UNKNOWN, UNAVAILABLE
   *   when the target is down, drained or suspect, NOT_ENOUGH_NODES without one, RANGE_BUSY, OVERLOADED
   */
  begin(order: MoveOrder, signal: AbortSignal): Promise<ReplicaMove> {
    const { view, turns, wallMs, ring } = this.#options
    return turns.take(signal, async (either) => {
      const known = view.moves.get(order.operation)?.move
      if (known !== undefined) {
        const same =
          known.shardId === order.shardId &&
          known.from === order.from &&
          (order.to === undefined || order.to === known.to)
        if (same) return known
        throw new MeridianError('OPERATION_REUSED', `Operation ${order.operation} is another move.`)
      }
      const found = view.shard(order.shardId)
      if (found === undefined) throw new MeridianError('SHARD_UNKNOWN', `No page here has shard ${order.shardId}.`)
      if (!found.shard.replicas.includes(order.from)) {
        throw new MeridianError('INVALID_ARGUMENT', `Node ${order.from} is no replica of shard ${order.shardId}.`)
      }
      const moves = this.#moves()
      if (moves.filter((move) => !isOver(move)).length >= RegionLimits.movesMax)
        throw new MeridianError('OVERLOADED', `${RegionLimits.movesMax} replicas are moving already.`)
      const nodes = view.nodeRecords()
      const load = loadOf({ pages: view.pages, nodes })
      const to = order.to ?? targetOf(found.shard, order.from, { nodes, moves, load, wallMs: wallMs() })
      if (to === undefined) throw new MeridianError('NOT_ENOUGH_NODES', 'No node is there to take the replica.')
      if (suspectsOf(moves, wallMs()).has(to))
        throw new MeridianError('UNAVAILABLE', `Moves to node ${to} failed lately; it is left alone for a while.`)
      const move = await this.#begin({ shardId: order.shardId, from: order.from, to }, order.operation, either)
      ring()
      return move
    })
  }

  /** Takes a move back. @throws MeridianError OPERATION_UNKNOWN, RANGE_BUSY past the point of no return */
  abort(operation: OperationId, signal: AbortSignal): Promise<ReplicaMove> {
    const { view, turns } = this.#options
    return turns.take(signal, async (either) => {
      const stored = view.moves.get(operation)
      if (stored === undefined) throw new MeridianError('OPERATION_UNKNOWN', `There is no move ${operation}.`)
      if (isOver(stored.move)) return stored.move
      const found = view.shard(stored.move.shardId)
      const decision = found === undefined ? undefined : abortMove(found.stored.page, stored.move.shardId)
      if (decision?.ok === false) throw decision.error
      const aborted = { ...stored.move, phase: 'aborted' as const, note: 'taken back by request' }
      return this.#commit(stored.modRevision, aborted, found?.stored, decision, either)
    })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, timing, log } = this.#options
    while (!signal.aborted) {
      try {
        await this.round(signal)
      } catch (error) {
        if (signal.aborted) return
        if (!isMeridianError(error)) throw error
        log.warn({ err: error }, 'moves of replicas interrupted')
      }
      await clock.sleep(timing.moveEveryMs, signal).catch(() => {})
    }
  }

  async round(signal: AbortSignal): Promise<void> {
    const open = this.#moves().filter((move) => !isOver(move))
    const going = this.#options.view.nodeRecords().some(({ duty }) => duty !== 'serving' && duty !== 'draining')
    const kept = this.#options.view.moves.size
    if (open.length === 0 && !going && kept === 0) return
    const survey = await this.#survey.ask(
      open.flatMap(({ shardId, to }) => {
        const shard = this.#options.view.shard(shardId)?.shard
        return shard === undefined ? [] : [{ shard, also: [to] }]
      }),
      signal,
    )
    const handing = await this.#options.turns.take(signal, async (either) => {
      const leading: ShardId[] = []
      for (const move of open)
        if ((await this.#advance(move, survey, either)) === 'hand-over') leading.push(move.shardId)
      if (going) await this.#relieve(either)
      await this.#sweep(either)
      return leading
    })
    for (const shard of handing) void this.#handOver(shard, signal)
  }

  #moves(): ReplicaMove[] {
    return movesOf(this.#options.view)
  }

  async #advance(move: ReplicaMove, survey: Survey, signal: AbortSignal): Promise<MoveStep['kind']> {
    const { view, clock, timing, log } = this.#options
    const stored = view.moves.get(move.operation)
    if (stored === undefined || isOver(stored.move)) return 'wait'
    const found = view.shard(move.shardId)
    const owned = found?.stored.page.role === 'owner' ? found : undefined
    const sight: MoveSight = {
      move: stored.move,
      found: owned === undefined ? undefined : { page: owned.stored.page, shard: owned.shard },
      nodes: view.nodeRecords(),
      positions: survey.get(move.shardId) ?? new Map(),
      stalledMs: 0,
      deadlineMs: timing.moveDeadlineMs,
    }
    const nowMs = clock.nowMs()
    const seen = progressOf(sight)
    const before = this.#progress.get(move.operation)
    const sinceMs = before?.seen === seen ? before.sinceMs : nowMs
    this.#progress.set(move.operation, { seen, sinceMs })
    const step = nextStep({ ...sight, stalledMs: nowMs - sinceMs })
    if (step.kind === 'wait' || step.kind === 'hand-over') return step.kind
    const page = owned?.stored.page
    const decision = page === undefined || step.kind === 'close' ? undefined : decide(step.kind, page, stored.move)
    if (decision?.ok === false) {
      log.warn({ operation: move.operation, step: step.kind, err: decision.error }, 'move waits')
      return 'wait'
    }
    await this.#commit(stored.modRevision, { ...stored.move, ...outcomeOf(step) }, owned?.stored, decision, signal)
    return step.kind
  }

  /** Begins moves away from nodes that are going, and strikes those off that hold nothing more. */
  async #relieve(signal: AbortSignal): Promise<void> {
    const { view, ranges, wallMs, writer, log } = this.#options
    const nodes = view.nodeRecords()
    const load = loadOf({ pages: view.pages, nodes })
    const pages = [...view.pages.values()]
      .map(({ page }) => page)
      .filter((page) => {
        const range = ranges.get(page.rangeId)
        return page.role === 'owner' && page.freeze === undefined && range?.generation === page.generation
      })
    for (const planned of movesToBegin({ pages, nodes, moves: this.#moves(), load, wallMs: wallMs() })) {
      const operation = operationId(`leave.${planned.shardId}.${view.revision}`)
      await this.#begin(planned, operation, signal)
    }
    for (const node of gone(nodes, load)) {
      const stored = view.nodes.get(node.nodeId)
      if (stored === undefined) continue
      const guards = [{ kind: 'mod-revision' as const, key: nodeKey(node.nodeId), equals: stored.modRevision }]
      const value = encodeNode({ ...node, duty: 'decommissioned' })
      if (await writer.commit(guards, [{ kind: 'put', key: nodeKey(node.nodeId), value }], signal))
        log.info({ nodeId: node.nodeId }, 'node decommissioned')
    }
  }

  async #begin(planned: PlannedMove, operation: OperationId, signal: AbortSignal): Promise<ReplicaMove> {
    const { view, wallMs } = this.#options
    const found = view.shard(planned.shardId)
    if (found === undefined) throw new MeridianError('SHARD_UNKNOWN', `No page here has shard ${planned.shardId}.`)
    const decision = beginMove(found.stored.page, planned.shardId, planned.to, view.nodeRecords())
    if (!decision.ok) throw decision.error
    const startedWallMs = wallMs()
    const move: ReplicaMove = {
      operation,
      ...planned,
      phase: 'joining',
      note: '',
      startedWallMs,
      updatedWallMs: startedWallMs,
    }
    return this.#commit(0n as Revision, move, found.stored, decision, signal)
  }

  /** The record, and the page if it changes, in one transaction. */
  async #commit(
    modRevision: Revision,
    move: ReplicaMove,
    stored: StoredPage | undefined,
    decision: PageDecision | undefined,
    signal: AbortSignal,
  ): Promise<ReplicaMove> {
    const { writer, wallMs, log } = this.#options
    const key = moveKey(move.operation)
    const written = { ...move, updatedWallMs: wallMs() }
    const also = {
      guards: [{ kind: 'mod-revision' as const, key, equals: modRevision }],
      operations: [{ kind: 'put', key, value: encodeMove(written) } satisfies Operation],
    }
    const changes = stored !== undefined && decision?.ok === true && decision.page !== stored.page
    const committed = changes
      ? await writer.writePages(
          {
            purpose: 'tidy',
            expects: new Map([[stored.page.rangeId, stored.modRevision]]),
            puts: [decision.page],
            deletes: [],
            shards: 1,
          },
          signal,
          also,
        )
      : await writer.commit(also.guards, also.operations, signal)
    if (!committed) throw new MeridianError('RANGE_BUSY', `Shard ${move.shardId} changed just now.`)
    const { operation, shardId, from, to, phase, note } = written
    log.info({ operation, shard: shardId, from, to, phase, note }, 'replica move')
    return written
  }

  /** Forgets what has been over for long. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const { view, writer, wallMs } = this.#options
    const over = this.#moves().filter(isOver)
    const surplus = over.length - RegionLimits.movesKeptMax
    const stale = over
      .filter((move, place) => place < surplus || wallMs() - move.updatedWallMs >= RegionLimits.moveKeptMs)
      .slice(0, RegionLimits.pagesPerTxnMax)
    if (stale.length === 0) return
    for (const { operation } of stale) this.#progress.delete(operation)
    const keys = stale.map(({ operation }) => ({ key: moveKey(operation), stored: view.moves.get(operation) }))
    await writer.commit(
      keys.map(({ key, stored }) => ({ kind: 'mod-revision', key, equals: stored?.modRevision ?? (0n as Revision) })),
      keys.map(({ key }) => ({ kind: 'delete', key })),
      signal,
    )
  }

  async #handOver(shard: ShardId, signal: AbortSignal): Promise<void> {
    const { handOver, log } = this.#options
    if (this.#handing.has(shard)) return
    this.#handing.add(shard)
    try {
      await handOver(shard, signal)
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, shard }, 'not handed over by the node that leaves')
    } finally {
      this.#handing.delete(shard)
    }
  }
}

/** Oldest first. */
export function movesOf(view: RegionView): ReplicaMove[] {
  return [...view.moves.values()]
    .map(({ move }) => move)
    .toSorted((a, b) => a.startedWallMs - b.startedWallMs || (a.operation < b.operation ? -1 : 1))
}

function decide(step: 'join' | 'finish' | 'abort', page: StoredPage['page'], move: ReplicaMove): PageDecision {
  switch (step) {
    case 'join':
      return joinMove(page, move.shardId, move.from)
    case 'finish':
      return finishMove(page, move.shardId)
    case 'abort':
      return abortMove(page, move.shardId)
  }
}

function outcomeOf(step: Exclude<MoveStep, { kind: 'wait' | 'hand-over' }>): Pick<ReplicaMove, 'phase' | 'note'> {
  switch (step.kind) {
    case 'join':
      return { phase: 'joint', note: '' }
    case 'finish':
      return { phase: 'done', note: '' }
    case 'abort':
      return { phase: 'aborted', note: step.note }
    case 'close':
      return { phase: step.phase, note: step.note }
  }
}
