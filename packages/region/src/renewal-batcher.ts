import type { Clock, Logger } from '@meridian/loop'
import { guardedTxn } from '@meridian/store'
import type { Leadership, Store } from '@meridian/store'
import { decodeNode, isMeridianError, MeridianError, nodeKey, RENEWALS_KEY } from '@meridian/topology'
import type { NodeEpoch, NodeId, NodeRecord, Revision } from '@meridian/topology'
import { RegionLimits } from './region-timing.ts'
import type { RegionTiming } from './region-timing.ts'
import type { RegionView } from './region-view.ts'
import { decodeRenewals, encodeRenewals, renew } from './renewals.ts'
import type { Renewals } from './renewals.ts'

export interface RenewalRequest {
  readonly nodeId: NodeId
  readonly nodeEpoch: NodeEpoch
  /** Revision of E up to which the node has acted on its assignments. */
  readonly appliedRevision: Revision
}

export interface RenewalAnswer {
  readonly leaseMs: number
  /** Revision that holds the renewal. */
  readonly revision: Revision
}

export interface RenewalBatcherOptions {
  readonly store: Store
  readonly view: RegionView
  readonly leadership: Leadership
  readonly timing: RegionTiming
  readonly clock: Clock
  readonly log: Logger
  /** A node of this life has said how far it has applied its assignments. */
  readonly onReport: (request: RenewalRequest) => void
  /** A commit of renewals failed, so silence proves nothing for now. */
  readonly onTrouble: () => void
  /** Told what each commit took, ms. Must not throw. */
  readonly onCommit?: (tookMs: number) => void
}

/** `/renewals` as last read or written by this controller. */
interface KnownRenewals {
  readonly renewals: Renewals | undefined
  readonly modRevision: Revision
}

interface Slot {
  readonly request: RenewalRequest
  readonly resolve: (answer: RenewalAnswer) => void
  readonly reject: (error: unknown) => void
}

/**
 * Collects renewals in memory and commits them as one record, at most once per period; the first one after a pause
 * waits for nobody. An answer means: committed under this controller's election key, and the node is, as of that
 * commit, alive in that life and not behind (R4, R5, R6).
 */
export class RenewalBatcher {
  readonly #options: RenewalBatcherOptions
  readonly #slots = new Map<NodeId, Slot>()
  readonly #answering = new Set<Promise<void>>()
  #known: KnownRenewals | undefined
  /** Revision of this controller's first commit. */
  #floor: Revision | undefined
  #wake: (() => void) | undefined
  #closed = false

  constructor(options: RenewalBatcherOptions) {
    this.#options = options
  }

  /**
   * @throws MeridianError NODE_EPOCH_STALE, NODE_UNKNOWN; UNAVAILABLE when the node is behind a removal (`behind` in the
   *   details), or a newer renewal of it took the slot; OVERLOADED; LEADERSHIP_LOST; OUTCOME_UNKNOWN
   */
  async renew(request: RenewalRequest, signal: AbortSignal): Promise<RenewalAnswer> {
    await this.#checkLife(request, signal)
    signal.throwIfAborted()
    if (this.#closed) throw lost()
    this.#options.onReport(request)
    const { nodeId } = request
    const waiting = this.#slots.get(nodeId)
    if (waiting === undefined && this.#slots.size >= RegionLimits.renewalsWaitingMax) {
      throw new MeridianError('OVERLOADED', `${RegionLimits.renewalsWaitingMax} renewals wait already.`)
    }
    waiting?.reject(new MeridianError('UNAVAILABLE', `A newer renewal of node ${nodeId} took this one's place.`))
    return new Promise<RenewalAnswer>((resolve, reject) => {
      this.#slots.set(nodeId, { request, resolve, reject })
      this.#wake?.()
    })
  }

  /** Commits until `signal` aborts; then whatever waits is answered LEADERSHIP_LOST. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timing } = this.#options
    const ring = (): void => this.#wake?.()
    signal.addEventListener('abort', ring)
    // The first commit waits for nobody: it is what every node has to have applied before this controller extends its
    // lease, and what moves every view there.
    let empty = true
    let committedMs = -Infinity
    try {
      while (!signal.aborted) {
        if (this.#slots.size === 0 && !empty) {
          await this.#rung(signal)
          continue
        }
        const restMs = committedMs + timing.renewalPeriodMs - clock.nowMs()
        if (restMs > 0) await clock.sleep(restMs, signal)
        committedMs = clock.nowMs()
        if (await this.#commit(signal)) empty = false
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', ring)
      this.#closed = true
      for (const slot of this.#slots.values()) slot.reject(lost())
      this.#slots.clear()
      await Promise.all(this.#answering)
    }
  }

  #rung(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
      if (signal.aborted || this.#slots.size > 0) this.#wake()
    })
  }

  async #commit(signal: AbortSignal): Promise<boolean> {
    const { store, view, leadership, clock, onCommit } = this.#options
    const slots = [...this.#slots.values()]
    this.#slots.clear()
    try {
      const known = await this.#read(signal)
      const next = renew(
        known.renewals,
        leadership.token,
        slots.map(({ request }) => request),
        view.nodeRecords(),
      )
      const sentMs = clock.nowMs()
      const outcome = await guardedTxn(
        store,
        leadership,
        {
          guards: [{ kind: 'mod-revision', key: RENEWALS_KEY, equals: known.modRevision }],
          operations: [{ kind: 'put', key: RENEWALS_KEY, value: encodeRenewals(next) }],
        },
        signal,
      )
      if (!outcome.committed) {
        // Only an unanswered commit of our own can have come between: read it and let the nodes ask again.
        throw new MeridianError('UNAVAILABLE', 'The record of renewals had changed.')
      }
      onCommit?.(clock.nowMs() - sentMs)
      this.#known = { renewals: next, modRevision: outcome.revision }
      this.#floor ??= outcome.revision
      const answering = this.#answer(slots, outcome.revision, signal)
      this.#answering.add(answering)
      void answering.finally(() => this.#answering.delete(answering))
      return true
    } catch (error) {
      this.#known = undefined
      for (const slot of slots) slot.reject(error)
      if (signal.aborted) return false
      if (!isMeridianError(error)) throw error
      this.#options.log.warn({ err: error, renewals: slots.length }, 'renewals not committed')
      this.#options.onTrouble()
      return false
    }
  }

  /**
   * After this server has applied the commit, so that what E held at that revision decides: a removal at or before it
   * is known here, and one after it finds a lease that was asked for before (R6).
   */
  async #answer(slots: readonly Slot[], revision: Revision, signal: AbortSignal): Promise<void> {
    const { view, timing, clock } = this.#options
    const late = new AbortController()
    const timer = clock.sleep(timing.nodeLeaseMs, AbortSignal.any([late.signal, signal])).then(
      () => late.abort(new Error('late')),
      () => {},
    )
    try {
      await view.waitFor(revision, AbortSignal.any([late.signal, signal]))
      for (const slot of slots) this.#answerOne(slot, revision)
    } catch (error) {
      for (const slot of slots) slot.reject(signal.aborted ? lost() : error)
    } finally {
      late.abort(new Error('done'))
      await timer
    }
  }

  #answerOne({ request, resolve, reject }: Slot, revision: Revision): void {
    const { view, timing } = this.#options
    const stale = staleness(request, view.nodes.get(request.nodeId)?.node)
    if (stale !== undefined) return reject(stale)
    const behind = this.requiredRevision(request.nodeId)
    if (request.appliedRevision < behind) {
      return reject(
        new MeridianError(
          'UNAVAILABLE',
          `Node ${request.nodeId} has applied its assignments up to ${request.appliedRevision}; its lease is extended from ${behind} on.`,
          { details: { behind: String(behind), applied: String(request.appliedRevision) } },
        ),
      )
    }
    resolve({ leaseMs: timing.nodeLeaseMs, revision })
  }

  /**
   * What a node must have applied before its lease is extended: every removal seen here, and, for those of earlier
   * controllers, this one's first commit. Theirs all precede it, because their election keys were gone before. (The
   * election token would not do: a candidate may have stood in the queue while the one before it committed.)
   */
  requiredRevision(node: NodeId): Revision {
    if (this.#floor === undefined) throw new Error('no renewal is answered before the first commit')
    const removed = this.#options.view.removedRevision(node)
    return removed > this.#floor ? removed : this.#floor
  }

  async #checkLife(request: RenewalRequest, signal: AbortSignal): Promise<void> {
    const { view, store } = this.#options
    const seen = view.nodes.get(request.nodeId)?.node
    if (seen !== undefined && seen.nodeEpoch >= request.nodeEpoch) {
      const stale = staleness(request, seen)
      if (stale !== undefined) throw stale
      return
    }
    // Registered through another server a moment ago, perhaps, and this view is behind.
    const stored = await store.get(nodeKey(request.nodeId), { signal })
    const stale = staleness(request, stored === undefined ? undefined : decodeNode(stored.value))
    if (stale !== undefined) throw stale
  }

  async #read(signal: AbortSignal): Promise<KnownRenewals> {
    if (this.#known !== undefined) return this.#known
    const stored = await this.#options.store.get(RENEWALS_KEY, { signal })
    this.#known = {
      renewals: stored === undefined ? undefined : decodeRenewals(stored.value),
      modRevision: stored?.modRevision ?? (0n as Revision),
    }
    return this.#known
  }
}

function staleness({ nodeId, nodeEpoch }: RenewalRequest, node: NodeRecord | undefined): MeridianError | undefined {
  if (node === undefined) return new MeridianError('NODE_UNKNOWN', `Node ${nodeId} is not registered in this region.`)
  if (node.status === 'up' && node.nodeEpoch === nodeEpoch) return undefined
  return new MeridianError(
    'NODE_EPOCH_STALE',
    `Life ${nodeEpoch} of node ${nodeId} is over: the region has it at ${node.nodeEpoch}, ${node.status}.`,
    { details: { nodeEpoch: String(node.nodeEpoch), status: node.status } },
  )
}

function lost(): MeridianError {
  return new MeridianError('LEADERSHIP_LOST', 'This server is no longer the controller of the region.')
}
