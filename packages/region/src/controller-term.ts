import type { Clock, Logger } from '@meridian/loop'
import { backoffMs, LoopScope } from '@meridian/loop'
import type { Guard, Leadership, Operation, Store } from '@meridian/store'
import { encodeNode, isMeridianError, nodeEpoch, nodeKey, RENEWALS_KEY } from '@meridian/topology'
import type { RegionId, Revision } from '@meridian/topology'
import { ControllerCommands } from './controller-commands.ts'
import { initialState, step } from './controller-core.ts'
import type { ControllerEffect, ControllerEvent, ControllerState, RegionWorld } from './controller-core.ts'
import { MoveDriver } from './move-driver.ts'
import { overdueInMs } from './node-liveness.ts'
import { healthOf } from './controller-health.ts'
import type { ControllerHealth } from './controller-health.ts'
import type { OrderingWriter } from './ordering-writer.ts'
import type { OtherRegions } from './other-regions.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { PAGE_PURPOSES } from './page-world.ts'
import type { RegionTiming } from './region-timing.ts'
import type { RegionView } from './region-view.ts'
import { RenewalBatcher } from './renewal-batcher.ts'
import type { RenewalAnswer, RenewalRequest } from './renewal-batcher.ts'
import { decodeRenewals } from './renewals.ts'
import type { ReplicaPositions } from './replica-positions.ts'
import { StandbyRepairer } from './standby-repairer.ts'
import { TermWriter } from './term-writer.ts'
import { Turns } from './turns.ts'

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
  readonly positions: ReplicaPositions
  /** Wall clock, ms: only for what people are shown. */
  readonly wallMs: () => number
  /** Told what each commit of renewals took, ms. Must not throw. */
  readonly onRenewals?: (tookMs: number) => void
}

const STORE_RETRY = { delayMsMin: 50, delayMsMax: 1000 }
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
  readonly #turns: Turns
  readonly #writer: TermWriter
  readonly commands: ControllerCommands
  readonly moves: MoveDriver
  readonly #ended: AbortSignal
  #state: ControllerState
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
    this.#turns = new Turns(this.#ended)
    this.#writer = new TermWriter(options)
    this.commands = new ControllerCommands({
      ...options,
      writer: this.#writer,
      turns: this.#turns,
      ended: this.#ended,
      tell: (event) => void this.#tell(event),
      ring: () => this.#ring(),
    })
    const parts = { ...options, writer: this.#writer, turns: this.#turns }
    this.moves = new MoveDriver({
      ...parts,
      handOver: (shard, signal) => this.commands.handOver(shard, undefined, signal),
      ring: () => this.#ring(),
    })
    const repairer = new StandbyRepairer(parts)
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
      onCommit: (tookMs) => {
        onRenewals?.(tookMs)
        // Silence counts from the look that first showed a renewal, so one is due now.
        this.#ring()
      },
    })
    this.#scope.start('renewals', () => this.#batcher.run(this.#ended))
    this.#scope.start('moves', () => this.moves.run(this.#ended))
    this.#scope.start('standby repairs', () => repairer.run(this.#ended))
    this.#scope.start('decisions', () => this.#decide(this.#ended))
  }

  get token(): Revision {
    return this.#options.leadership.token
  }

  renew(request: RenewalRequest, signal: AbortSignal): Promise<RenewalAnswer> {
    return this.#batcher.renew(request, signal)
  }

  health(): ControllerHealth {
    const { view, clock } = this.#options
    return healthOf(this.#state, view, clock.nowMs())
  }

  /** Ends the work of this term; what is under way is aborted. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
  }

  async #decide(signal: AbortSignal): Promise<void> {
    const { view, ranges, others, clock, log, random } = this.#options
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
      await view.seen(signal, () => view.renewals?.elect === this.token)
      this.#tell({ kind: 'elected', nowMs: clock.nowMs(), floor: view.revision, world: this.#world() })
      let failures = 0
      while (!signal.aborted) {
        let again = false
        try {
          again = await this.#turns.take(signal, (either) => this.#look(either))
          failures = 0
        } catch (error) {
          if (signal.aborted) return
          if (!isMeridianError(error)) throw error
          log.warn({ err: error }, 'controller round failed')
          this.#tell({ kind: 'troubled' })
          failures += 1
        }
        const restMs = failures > 0 ? backoffMs(STORE_RETRY, failures - 1, random) : again ? 0 : this.#nextLookInMs()
        if (restMs > 0) await this.#rest(restMs, failures > 0, signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      for (const unsubscribe of unsubscribes) unsubscribe()
      signal.removeEventListener('abort', ring)
    }
  }

  /** When E is to be asked again if nothing changes: in time to notice at once that a node's wait is over. */
  #nextLookInMs(): number {
    const { clock, timing } = this.#options
    const overdueMs = overdueInMs(this.#state.watches, clock.nowMs(), timing.nodeWaitMs)
    return Math.min(timing.probeEveryMs, Math.ceil(overdueMs))
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
        return this.#writer.writePages(effect.txn, signal)
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
      committed = operations.length > 0 && (await this.#writer.commit(guards, operations, signal))
    } finally {
      if (!committed) this.#tell({ kind: 'spared', nodes })
    }
    if (committed) log.info({ nodes }, 'nodes given up')
    return committed
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
}
