import { LoopScope, withTimeLimit } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import type { Leadership, Store } from '@meridian/store'
import { isMeridianError } from '@meridian/topology'
import type { NodeId, OperationId, RangeId, RegionId, ShardId } from '@meridian/topology'
import type { GlobalView } from './global-view.ts'
import { hasEnded } from './journal.ts'
import type { TransferEntry } from './journal.ts'
import type { OwnershipService } from './ownership-service.ts'
import { initialTransfer, step } from './transfer-core.ts'
import type { TransferEvent } from './transfer-core.ts'
import { isFrozenStage } from './transfer-findings.ts'
import { TRANSFER_TIMING } from './transfer-state.ts'
import type {
  Barrier,
  NodePlace,
  Position,
  TransferEffect,
  TransferPage,
  TransferState,
  TransferTiming,
} from './transfer-state.ts'
import { commitStep, storedTransfer } from './transfer-steps.ts'

/** What the driver sees of the regions, and asks of their nodes. */
export interface TransferPorts {
  /** The region's page of the range as its feed shows it here. */
  page(range: RangeId, region: RegionId): TransferPage | undefined
  /** Called after each change of pages; returns the way to stop. */
  subscribe(listener: () => void): () => void
  /** Barriers of those shards that the node leads, frozen for the operation, with everything decided. */
  askBarriers(
    node: NodePlace,
    operation: OperationId,
    shards: readonly ShardId[],
    signal: AbortSignal,
  ): Promise<readonly Barrier[]>
  askPositions(node: NodePlace, shards: readonly ShardId[], signal: AbortSignal): Promise<readonly Position[]>
}

export interface TransferDriverOptions {
  readonly store: Store
  readonly view: GlobalView
  readonly ownership: OwnershipService
  readonly ports: TransferPorts
  /** Why a region may not get anything now; undefined: it may. */
  readonly objection: (region: RegionId) => string | undefined
  readonly timing?: TransferTiming
  readonly clock: Clock
  readonly wallMs: () => number
  readonly log: Logger
}

/** Transfers carried on at once; more wait, the oldest first. */
const TRANSFERS_MAX = 16
/** Patience for one node's answer, ms. */
const ASK_MS_MAX = 2000
/** Pause after a command that came to nothing, ms. */
const RETRY_MS = 250

/**
 * Carries on whatever the journal holds: for whoever is elected. It keeps nothing that the journal and the nodes do not
 * tell again, so another server can take over at any step; each step compares the journal, the range and the election.
 */
export class TransferDriver {
  readonly #options: TransferDriverOptions
  readonly #bells = new Set<() => void>()

  constructor(options: TransferDriverOptions) {
    this.#options = options
  }

  /** Until `signal` aborts. */
  async run(leadership: Leadership, signal: AbortSignal): Promise<void> {
    const { view, ports, log } = this.#options
    await using scope = new LoopScope(log, () => void leadership.resign())
    const running = new Set<OperationId>()
    const ring = (): void => {
      for (const bell of this.#bells) bell()
    }
    const ended = AbortSignal.any([signal, scope.signal])
    using stack = new DisposableStack()
    stack.defer(view.subscribe(ring))
    stack.defer(ports.subscribe(ring))
    while (!signal.aborted) {
      const waiting = [...view.journal.values()]
        .filter((entry) => entry.kind === 'transfer')
        .filter((entry) => !hasEnded(entry) && !running.has(entry.operation))
        .toSorted((a, b) => a.startedWallMs - b.startedWallMs)
      for (const entry of waiting.slice(0, Math.max(0, TRANSFERS_MAX - running.size))) {
        running.add(entry.operation)
        scope.start(`transfer ${entry.operation}`, async () => {
          try {
            await new Transfer(this.#options, entry, leadership, (bell) => this.#listen(bell)).run(ended)
          } finally {
            running.delete(entry.operation)
            ring()
          }
        })
      }
      await this.#rung(signal)
    }
  }

  #listen(bell: () => void): () => void {
    this.#bells.add(bell)
    return () => this.#bells.delete(bell)
  }

  #rung(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#bells.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#bells.add(wake)
      signal.addEventListener('abort', wake, { once: true })
      if (signal.aborted) wake()
    })
  }
}

type Ask = Exclude<TransferEffect, { kind: 'command' }>

class Transfer {
  readonly #options: TransferDriverOptions
  readonly #operation: OperationId
  readonly #leadership: Leadership
  readonly #listen: (bell: () => void) => () => void
  readonly #timing: TransferTiming
  #state: TransferState
  /** Something changed since the last look. */
  #changed = false
  #wake: (() => void) | undefined
  readonly #askedMs = new Map<string, number>()
  readonly #asking = new Set<string>()

  constructor(
    options: TransferDriverOptions,
    entry: TransferEntry,
    leadership: Leadership,
    listen: (bell: () => void) => () => void,
  ) {
    this.#options = options
    this.#operation = entry.operation
    this.#leadership = leadership
    this.#listen = listen
    this.#timing = options.timing ?? TRANSFER_TIMING
    this.#state = initialTransfer(entry, options.clock.nowMs(), this.#timing)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { view, clock, ports, objection, log } = this.#options
    await using scope = new LoopScope(log)
    const ended = AbortSignal.any([signal, scope.signal])
    using stack = new DisposableStack()
    stack.defer(this.#listen(() => this.#ring()))
    while (!signal.aborted) {
      const stored = storedTransfer(view, this.#operation)
      if (stored === undefined || hasEnded(stored.entry)) return
      const { entry } = stored
      const facts = {
        entry,
        range: view.range(entry.rangeId),
        source: ports.page(entry.rangeId, entry.source),
        target: ports.page(entry.rangeId, entry.target),
        objection: objection(entry.target),
      }
      this.#changed = false
      const effects = this.#tell({ kind: 'looked', nowMs: clock.nowMs(), facts })
      const command = effects.find((effect) => effect.kind === 'command')
      for (const effect of effects) if (effect.kind !== 'command') this.#ask(effect, scope, ended)
      if (command === undefined) {
        await this.#rest(signal)
        continue
      }
      try {
        const revision = await commitStep(this.#options, stored, command, this.#leadership, signal)
        const { operation, rangeId, source, target } = entry
        if (command.command !== 'note') {
          const { phase, note } = command
          log.info({ operation, rangeId, source, target, phase, note }, 'transfer')
        }
        await view.mirror.waitFor(revision, signal)
      } catch (error) {
        if (signal.aborted) return
        if (!isMeridianError(error)) throw error
        log.debug({ err: error, operation: entry.operation, command: command.command }, 'step of a transfer not made')
        await clock.sleep(RETRY_MS, signal).catch(() => {})
      }
      this.#tell({ kind: 'settled' })
    }
  }

  #tell(event: TransferEvent): readonly TransferEffect[] {
    const [state, effects] = step(this.#state, event)
    this.#state = state
    return effects
  }

  get #everyMs(): number {
    return isFrozenStage(this.#state.phase) ? this.#timing.frozenEveryMs : this.#timing.followEveryMs
  }

  /** One question to a node at a time, and none sooner than the pace allows. */
  #ask(effect: Ask, scope: LoopScope, signal: AbortSignal): void {
    const { clock, ports, log } = this.#options
    const key = askKey(effect.kind, effect.node.nodeId)
    const nowMs = clock.nowMs()
    if (this.#asking.has(key) || nowMs - (this.#askedMs.get(key) ?? -Infinity) < this.#everyMs) return
    this.#asking.add(key)
    this.#askedMs.set(key, nowMs)
    scope.start(key, async () => {
      try {
        const { node, shards } = effect
        if (effect.kind === 'ask-positions') {
          const ask = (late: AbortSignal) => ports.askPositions(node, shards, late)
          const positions = await withTimeLimit(clock, ASK_MS_MAX, ask, signal)
          this.#tell({ kind: 'positions', node: node.nodeId, asked: shards, positions })
        } else {
          const ask = (late: AbortSignal) => ports.askBarriers(node, this.#operation, shards, late)
          this.#tell({ kind: 'barriers', barriers: await withTimeLimit(clock, ASK_MS_MAX, ask, signal) })
        }
      } catch (error) {
        // A node that does not answer is waited for, as far as the transfer's deadlines go.
        if (!signal.aborted) log.debug({ err: error, node: effect.node }, 'a node did not answer')
      } finally {
        this.#asking.delete(key)
        this.#ring()
      }
    })
  }

  #ring(): void {
    this.#changed = true
    this.#wake?.()
  }

  /** Until something changes, at the latest until it is time to ask again. */
  async #rest(signal: AbortSignal): Promise<void> {
    if (this.#changed) return
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await this.#options.clock.sleep(this.#everyMs, AbortSignal.any([signal, woken.signal])).catch(() => {})
    this.#wake = undefined
  }
}

const askKey = (kind: Ask['kind'], node: NodeId): string => `${kind} ${node}`
