import type { Clock, Logger } from '@meridian/loop'
import { backoffMs, LoopScope } from '@meridian/loop'
import type { Guard, Leadership, Operation, Store, TxnOutcome } from '@meridian/store'
import {
  chooseLeader,
  compareTokens,
  encodeNode,
  encodePage,
  isMeridianError,
  MeridianError,
  nodeEpoch,
  nodeKey,
  openPage,
  pageKey,
  RENEWALS_KEY,
  shardToken,
} from '@meridian/topology'
import type { Key, NodeId, Page, RangeDescriptor, RegionId, Revision, ShardId } from '@meridian/topology'
import { initialState, step } from './controller-core.ts'
import type { ControllerEffect, ControllerEvent, ControllerState, RegionWorld } from './controller-core.ts'
import type { OrderingWriter } from './ordering-writer.ts'
import type { OtherRegions } from './other-regions.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { vacate, withoutLeaders } from './page-leaders.ts'
import { loadOf, PAGE_PURPOSES } from './page-world.ts'
import type { PageTxn } from './page-world.ts'
import { RegionLimits } from './region-timing.ts'
import type { RegionTiming } from './region-timing.ts'
import type { RegionView } from './region-view.ts'
import { RenewalBatcher } from './renewal-batcher.ts'
import type { RenewalAnswer, RenewalRequest } from './renewal-batcher.ts'
import { decodeRenewals } from './renewals.ts'

export interface ControllerTermOptions {
  readonly region: RegionId
  readonly store: Store
  readonly view: RegionView
  readonly ranges: OwnedRanges
  readonly others: OtherRegions
  readonly writer: OrderingWriter
  readonly leadership: Leadership
  /** Replicas of a shard that is opened. */
  readonly replicaCount: number
  readonly timing: RegionTiming
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  /** Told what each commit of renewals took, ms. Must not throw. */
  readonly onRenewals?: (tookMs: number) => void
}

const STORE_RETRY = { delayMsMin: 50, delayMsMax: 1000 }
/** What a hand-over may take beyond W_N: two commits and the views that apply them. */
const HAND_OVER_SLACK_MS = 5000
/** Patience for a linearizable read of G. */
const CATCH_UP_MS_MAX = 10_000

/**
 * The controller of a region for the time of one leadership: performs what the core decides, one thing after the other.
 * Every transaction carries the election guard and the mod revisions its decision saw (R1), so a term that outlives
 * its leadership can go on, and changes nothing.
 */
export class ControllerTerm implements AsyncDisposable {
  readonly #options: ControllerTermOptions
  readonly #batcher: RenewalBatcher
  readonly #scope: LoopScope
  readonly #ended: AbortSignal
  #state: ControllerState
  /** Decisions and commands take turns; the promise is the end of the last turn asked for. */
  #turn: Promise<void> = Promise.resolve()
  #turnsWaiting = 0
  #wake: (() => void) | undefined
  /** Something changed since the last look began. */
  #changed = false
  /** G changed since the last look began. */
  #moved = false
  #catchingUp = false

  constructor(options: ControllerTermOptions) {
    const { region, store, view, leadership, replicaCount, timing, clock, log, onRenewals } = options
    this.#options = options
    this.#state = initialState({ region, replicaCount, timing })
    this.#scope = new LoopScope(log, () => void leadership.resign())
    this.#ended = AbortSignal.any([this.#scope.signal, leadership.lost])
    this.#batcher = new RenewalBatcher({
      store,
      view,
      leadership,
      timing,
      clock,
      log,
      onReport: ({ nodeId, nodeEpoch: life, appliedRevision }) => {
        this.#tell({ kind: 'reported', nodeId, nodeEpoch: life, revision: appliedRevision })
        // A hand-over may be waiting for just this.
        if (this.#state.holds.size > 0) this.#ring()
      },
      onTrouble: () => this.#tell({ kind: 'troubled' }),
      ...(onRenewals === undefined ? {} : { onCommit: onRenewals }),
    })
    this.#scope.start('renewals', () => this.#batcher.run(this.#ended))
    this.#scope.start('decisions', () => this.#decide(this.#ended))
  }

  get token(): Revision {
    return this.#options.leadership.token
  }

  renew(request: RenewalRequest, signal: AbortSignal): Promise<RenewalAnswer> {
    return this.#batcher.renew(request, signal)
  }

  /**
   * Makes the page of a range that this region owns, with shards at the range's start and at each of `bounds`. The page
   * of a vacant range has no leaders until G shows the range as active (R7).
   *
   * @returns the page, also when it was there already with these bounds
   */
  openRange(range: RangeDescriptor, bounds: readonly Key[], signal: AbortSignal): Promise<Page> {
    return this.#inTurn(signal, async (either) => {
      const { region, view, ranges, replicaCount } = this.#options
      if (range.owner !== region) {
        throw new MeridianError('NOT_OWNER_REGION', `Range ${range.rangeId} belongs to ${range.owner}.`, {
          details: { owner: range.owner },
        })
      }
      const newest = ranges.get(range.rangeId)
      if (newest !== undefined && newest.generation > range.generation)
        throw generationMismatch(range, newest.generation)
      const stored = view.pages.get(range.rangeId)
      if (stored !== undefined && stored.page.generation > range.generation) {
        throw generationMismatch(range, stored.page.generation)
      }
      if (stored?.page.generation === range.generation) {
        const starts = [range.start, ...bounds]
        const same =
          stored.page.shards.length === starts.length &&
          stored.page.shards.every((shard, index) => shard.start === starts[index])
        if (same) return stored.page
        throw new MeridianError('RANGE_BUSY', `Range ${range.rangeId} was opened with other shard bounds.`)
      }
      if (stored !== undefined) {
        throw new MeridianError(
          'RANGE_BUSY',
          `The page of an earlier generation of range ${range.rangeId} is in the way.`,
        )
      }
      const nodes = view.nodeRecords()
      const load = loadOf({ pages: view.pages, nodes })
      const decision = openPage({ ...range, status: 'active' }, bounds, nodes, replicaCount, load)
      if (!decision.ok) throw decision.error
      const page = range.status === 'active' ? decision.page : withoutLeaders(decision.page)
      const absent = new Map([[range.rangeId, 0n as Revision]])
      const shards = page.shards.length
      const txn: PageTxn = { purpose: 'own', expects: absent, puts: [page], deletes: [], shards }
      if (!(await this.#writePages(txn, either))) {
        throw new MeridianError(
          'RANGE_BUSY',
          `The page of range ${range.rangeId} was changed by somebody else just now.`,
        )
      }
      this.#ring()
      return page
    })
  }

  /**
   * Moves the leader of a shard to `target`, or to the best other replica. From a live leader in two commits: nobody
   * leads under epoch + 1; then the target under epoch + 2, once the old leader's lease reads have surely ended (R6).
   *
   * @throws MeridianError OUTCOME_UNKNOWN when the second half was not seen in time; it will still come.
   */
  async handOver(id: ShardId, target: NodeId | undefined, signal: AbortSignal): Promise<void> {
    const { view, clock, timing } = this.#options
    // The token under which nobody leads; undefined when there is nothing to do.
    const nobodys = await this.#inTurn(signal, async (either) => {
      const found = view.shard(id)
      if (found === undefined) throw new MeridianError('SHARD_UNKNOWN', `No page here has shard ${id}.`)
      const { stored, shard } = found
      if (stored.page.role === 'standby') {
        throw new MeridianError('NOT_OWNER_REGION', `This region follows shard ${id} and leads it not.`)
      }
      const nodes = view.nodeRecords()
      const leader = shard.status === 'assigned' ? shard.leader : undefined
      const load = loadOf({ pages: view.pages, nodes })
      const chosen = target ?? chooseLeader(shard.replicas, nodes, load, leader)?.nodeId
      const node = nodes.find(({ nodeId }) => nodeId === chosen)
      if (chosen === undefined)
        throw new MeridianError('NOT_ENOUGH_NODES', `Shard ${id} has no other replica that is up.`)
      if (node === undefined) throw new MeridianError('NODE_UNKNOWN', `There is no node ${chosen}.`)
      if (!shard.replicas.includes(chosen)) {
        throw new MeridianError('INVALID_ARGUMENT', `Node ${chosen} is no replica of shard ${id}.`)
      }
      if (node.status !== 'up') throw new MeridianError('UNAVAILABLE', `Node ${chosen} is ${node.status}.`)
      if (shard.status === 'assigned' && leader === chosen && shard.leaderNodeEpoch === node.nodeEpoch) return undefined
      const vacant = shard.status === 'assigned' ? vacate(stored.page, id) : stored.page
      const nobody = vacant.shards[found.index]
      if (nobody === undefined) throw new Error(`shard ${id} is not where it was found`)
      const token = shardToken(vacant, nobody)
      this.#tell({ kind: 'wished', shardId: id, wish: { target: chosen, token } })
      if (shard.status === 'assigned') {
        const txn: PageTxn = {
          purpose: 'lead',
          expects: new Map([[stored.page.rangeId, stored.modRevision]]),
          puts: [vacant],
          deletes: [],
          shards: 1,
        }
        if (!(await this.#writePages(txn, either)))
          throw new MeridianError('RANGE_BUSY', `Shard ${id} changed just now.`)
      }
      this.#ring()
      return token
    })
    if (nobodys === undefined) return
    const late = new AbortController()
    const over = AbortSignal.any([late.signal, signal, this.#ended])
    const timer = clock.sleep(timing.nodeWaitMs + HAND_OVER_SLACK_MS, over).then(
      () => late.abort(new Error('late')),
      () => {},
    )
    try {
      // The view may still show the old leader, under a lower token.
      await seen(view, over, () => {
        const found = view.shard(id)
        if (found === undefined || found.shard.status !== 'assigned') return false
        return compareTokens(shardToken(found.stored.page, found.shard), nobodys) > 0
      })
    } catch (cause) {
      throw new MeridianError('OUTCOME_UNKNOWN', `The new leader of shard ${id} was not seen in time.`, { cause })
    } finally {
      late.abort(new Error('done'))
      await timer
    }
  }

  /** Ends the work of this term; what is under way is aborted. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
  }

  async #decide(signal: AbortSignal): Promise<void> {
    const { view, ranges, others, clock, log, timing, random } = this.#options
    const ring = (): void => this.#ring()
    const moved = (): void => {
      this.#moved = true
      ring()
    }
    const unsubscribes = [
      view.subscribe((event) => {
        if (event.removals.length > 0) this.#tell({ kind: 'removed', nowMs: clock.nowMs(), removals: event.removals })
        if (event.pages.length > 0 || event.nodes.length > 0) ring()
      }),
      ranges.subscribe(moved),
      others.subscribe(ring),
    ]
    signal.addEventListener('abort', ring)
    try {
      // Our first commit lies above all that earlier controllers committed, so what this server has applied then
      // includes it.
      await seen(view, signal, () => view.renewals?.elect === this.token)
      this.#tell({ kind: 'elected', nowMs: clock.nowMs(), floor: view.revision, world: this.#world() })
      let failures = 0
      while (!signal.aborted) {
        let again = false
        try {
          again = await this.#inTurn(signal, (either) => this.#look(either))
          failures = 0
        } catch (error) {
          if (signal.aborted) return
          if (!isMeridianError(error)) throw error
          log.warn({ err: error }, 'controller round failed')
          this.#tell({ kind: 'troubled' })
          failures += 1
        }
        const restMs = failures > 0 ? backoffMs(STORE_RETRY, failures - 1, random) : again ? 0 : timing.probeEveryMs
        if (restMs > 0) await this.#rest(restMs, failures > 0, signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      for (const unsubscribe of unsubscribes) unsubscribe()
      signal.removeEventListener('abort', ring)
    }
  }

  /** Until `ms` have passed or, unless `deaf`, something changed. */
  async #rest(ms: number, deaf: boolean, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    if (!deaf && this.#changed) return
    if (!deaf) this.#wake = () => woken.abort(new Error('woken'))
    try {
      await this.#options.clock.sleep(ms, AbortSignal.any([woken.signal, signal]))
    } catch (error) {
      if (!woken.signal.aborted && !signal.aborted) throw error
    } finally {
      this.#wake = undefined
    }
  }

  /** One look at E, one decision, its effects. @returns whether there may be more to do at once */
  async #look(signal: AbortSignal): Promise<boolean> {
    this.#changed = false
    this.#moved = false
    const { store, clock } = this.#options
    const { raftTerm } = await store.status(signal)
    const stored = await store.get(RENEWALS_KEY, { signal })
    const effects = this.#tell({
      kind: 'looked',
      nowMs: clock.nowMs(),
      raftTerm,
      renewals: stored === undefined ? undefined : decodeRenewals(stored.value),
      renewalsRevision: stored?.modRevision ?? (0n as Revision),
      world: this.#world(),
    })
    let changed = false
    for (const effect of effects) {
      // Somebody's writes may wait for what G shows now; what nobody waits for is planned anew after it.
      if (this.#moved && effect.kind === 'write-pages' && effect.txn.purpose !== PAGE_PURPOSES[0]) return true
      changed = (await this.#perform(effect, signal)) || changed
    }
    return changed
  }

  async #perform(effect: ControllerEffect, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options
    switch (effect.kind) {
      case 'condemn':
        return this.#condemn(effect, signal)
      case 'write-pages':
        return this.#writePages(effect.txn, signal)
      case 'catch-up':
        this.#catchUp()
        return false
      case 'complain':
        for (const { rangeId, error } of effect.refusals) log.warn({ rangeId, err: error }, 'page not made')
        return false
    }
  }

  /** Beside the rounds: G may be a wide area away, or not there at all. */
  #catchUp(): void {
    if (this.#catchingUp) return
    const { ranges, clock, log } = this.#options
    const askedMs = clock.nowMs()
    this.#catchingUp = true
    this.#scope.start('catch up with G', async (signal) => {
      const late = new AbortController()
      const timer = clock.sleep(CATCH_UP_MS_MAX, AbortSignal.any([late.signal, signal])).then(
        () => late.abort(new Error('late')),
        () => {},
      )
      try {
        await ranges.catchUp(AbortSignal.any([late.signal, signal]))
        this.#tell({ kind: 'caught-up', askedMs })
        this.#ring()
      } catch (error) {
        if (!signal.aborted) log.debug({ err: error }, 'not caught up with the global tier')
      } finally {
        late.abort(new Error('done'))
        await timer
        this.#catchingUp = false
      }
    })
  }

  async #condemn(effect: Extract<ControllerEffect, { kind: 'condemn' }>, signal: AbortSignal): Promise<boolean> {
    const { view, log } = this.#options
    const guards: Guard[] = [{ kind: 'mod-revision', key: RENEWALS_KEY, equals: effect.renewalsRevision }]
    const operations: Operation[] = []
    for (const { nodeId, nodeEpoch: life } of effect.lives) {
      const stored = view.nodes.get(nodeId)
      if (stored === undefined || stored.node.nodeEpoch !== life || stored.node.status !== 'up') continue
      guards.push({ kind: 'mod-revision', key: nodeKey(nodeId), equals: stored.modRevision })
      const down = { ...stored.node, nodeEpoch: nodeEpoch(life + 1n), status: 'down' as const }
      operations.push({ kind: 'put', key: nodeKey(nodeId), value: encodeNode(down) })
    }
    const nodes = effect.lives.map(({ nodeId }) => nodeId)
    let committed = false
    try {
      committed = operations.length > 0 && (await this.#commit(guards, operations, signal))
    } finally {
      if (!committed) this.#tell({ kind: 'spared', nodes })
    }
    if (committed) log.info({ nodes }, 'nodes given up')
    return committed
  }

  async #writePages(txn: PageTxn, signal: AbortSignal): Promise<boolean> {
    const guards = [...txn.expects].map(([id, equals]): Guard => ({ kind: 'mod-revision', key: pageKey(id), equals }))
    const operations: Operation[] = [
      ...txn.puts.map((page): Operation => ({ kind: 'put', key: pageKey(page.rangeId), value: encodePage(page) })),
      ...txn.deletes.map((id): Operation => ({ kind: 'delete', key: pageKey(id) })),
    ]
    const committed = await this.#commit(guards, operations, signal)
    if (committed) {
      this.#options.log.info(
        { pages: txn.puts.map(({ rangeId }) => rangeId), deleted: txn.deletes, shards: txn.shards },
        'pages written',
      )
    }
    return committed
  }

  /** Resolves once this server has applied the commit, so that the next decision stands on it. */
  async #commit(guards: readonly Guard[], operations: readonly Operation[], signal: AbortSignal): Promise<boolean> {
    const { writer, leadership, view, log } = this.#options
    const outcome: TxnOutcome = await writer.commit({ guards, operations }, leadership, signal)
    if (!outcome.committed) {
      log.debug({ revision: outcome.revision, guards: guards.map(({ key }) => key) }, 'commit refused')
      // What the decision stood on was old: wait for what refused it.
      await view.waitFor(outcome.revision, signal).catch(() => {})
      return false
    }
    await view.waitFor(outcome.revision, signal)
    return true
  }

  #ring(): void {
    this.#changed = true
    this.#wake?.()
  }

  #tell(event: ControllerEvent): readonly ControllerEffect[] {
    const [state, effects] = step(this.#state, event)
    this.#state = state
    return effects
  }

  #world(): RegionWorld {
    const { view, ranges, others } = this.#options
    return {
      nodes: view.nodeRecords(),
      pages: new Map(view.pages),
      ranges: [...ranges.ranges()],
      rangesRevision: ranges.revision,
      ownerPage: (id) => others.ownerPage(id),
    }
  }

  async #inTurn<T>(signal: AbortSignal, act: (either: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#turnsWaiting >= RegionLimits.commandsWaitingMax) {
      throw new MeridianError(
        'OVERLOADED',
        `${RegionLimits.commandsWaitingMax} requests wait for the controller already.`,
      )
    }
    this.#turnsWaiting += 1
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    try {
      await before
      signal.throwIfAborted()
      if (this.#ended.aborted) {
        throw new MeridianError('LEADERSHIP_LOST', 'This server is no longer the controller of the region.')
      }
      return await act(AbortSignal.any([signal, this.#ended]))
    } catch (error) {
      if (!this.#ended.aborted || isMeridianError(error)) throw error
      throw new MeridianError('OUTCOME_UNKNOWN', 'The leadership ended while the change was under way.', {
        cause: error,
      })
    } finally {
      this.#turnsWaiting -= 1
      resolve()
    }
  }
}

function generationMismatch(range: RangeDescriptor, known: bigint): MeridianError {
  return new MeridianError(
    'GENERATION_MISMATCH',
    `Range ${range.rangeId} has generation ${known}, not ${range.generation}.`,
    { details: { generation: String(known) } },
  )
}

/** Resolves once `condition` holds of the view; rejects with the signal's reason. */
async function seen(view: RegionView, signal: AbortSignal, condition: () => boolean): Promise<void> {
  signal.throwIfAborted()
  if (condition()) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => reject(signal.reason)
  const unsubscribe = view.subscribe(() => {
    if (condition()) resolve()
  })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', onAbort)
  }
}
