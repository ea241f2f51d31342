import { LoopScope } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import { campaign, guardedTxn } from '@meridian/store'
import type { Leadership, Operation, Store } from '@meridian/store'
import { isMeridianError, regionLeaseKey } from '@meridian/topology'
import type { RangeId, RegionId, Revision } from '@meridian/topology'
import { budgetHoldKey } from './budget-hold.ts'
import type { GlobalView } from './global-view.ts'
import { encodeJournal, takeoverKey, takeoverOperation } from './journal.ts'
import type { TakeoverEntry, TakeoverPhase } from './journal.ts'
import type { OwnershipService } from './ownership-service.ts'
import { decodeRegionLease, encodeRegionLease, REGION_LEASE_PREFIX } from './region-lease.ts'
import type { RegionLeaseRecord } from './region-lease.ts'
import { takeBatches } from './take-batches.ts'
import { initialTakeover, objectionTo, step, verdictOf } from './takeover-core.ts'
import type {
  LeaseSeen,
  RegionVerdict,
  TakeoverEffect,
  TakeoverEvent,
  TakeoverState,
  TakeoverTiming,
} from './takeover-core.ts'
import type { StandbyFacts } from './takeover-plan.ts'

export const AUTHORITY_ROLE = 'authority'

/** For histories: what the authority saw and did, with its own monotonic clock. */
export interface TakeEvent {
  readonly kind: 'take.observe' | 'take.commit'
  readonly region: RegionId
  readonly term: bigint
  readonly counter: bigint
  readonly localMs: number
  /** Of a commit: for how long the counter had been watched. */
  readonly waitedMs: number
  readonly forced: boolean
}

/** Promises of this region not to take anything for a while stand before its acts. */
export interface TakeGate {
  /** Why nothing may be taken from the region yet; undefined: it may, and no promise is given until `returned`. */
  acquire(region: RegionId, leaseRevision: Revision, signal: AbortSignal): Promise<string | undefined>
  /** The region's lease is live, written at `leaseRevision`: what rested on an older one is over. */
  returned(region: RegionId, leaseRevision: Revision): void
}

export interface AuthorityOptions {
  readonly store: Store
  readonly view: GlobalView
  readonly ownership: OwnershipService
  /** Address of this server. */
  readonly address: string
  readonly electionTtlMs: number
  readonly timing: TakeoverTiming
  readonly standbyFacts: (range: RangeId, region: RegionId) => StandbyFacts
  /** The more, the sooner it is taken. Default: all the same. */
  readonly importance?: (range: RangeId) => number
  readonly gate?: TakeGate
  /** What else whoever is elected does: carries transfers on. Ends when the signal aborts. */
  readonly alongside?: (leadership: Leadership, signal: AbortSignal) => Promise<void>
  readonly observer?: (event: TakeEvent) => void
  readonly clock: Clock
  readonly wallMs: () => number
  readonly log: Logger
  readonly random: () => number
}

/** A region as the authority sees it. */
export interface RegionSight {
  readonly region: RegionId
  readonly record: RegionLeaseRecord
  readonly verdict: RegionVerdict
  /** Since its lease was seen to change, or the wait began anew, ms. */
  readonly stillMs: number
  /** Why nothing is handed to it; undefined: it may get ranges. */
  readonly objection: string | undefined
}

/**
 * Takes the ranges of silent regions. Every server looks at the leases; whoever is elected at G acts, for calm and not
 * for safety: what makes it safe is that each transaction compares the election, the lease and every range it changes.
 */
export class Authority {
  readonly #options: AuthorityOptions
  #state: TakeoverState
  #acting: { readonly leadership: Leadership; readonly scope: LoopScope } | undefined
  #wake: (() => void) | undefined
  readonly #forcedTerms = new Set<string>()
  readonly #moved = new Map<string, number>()

  constructor(options: AuthorityOptions) {
    this.#options = options
    this.#state = initialTakeover(options.timing)
  }

  get isElected(): boolean {
    return this.#acting !== undefined
  }

  /** Every region with a lease, as of the last look. */
  regions(): readonly RegionSight[] {
    const { clock, view } = this.#options
    const nowMs = clock.nowMs()
    return [...this.#state.watches].map(([region, watch]) => ({
      region,
      record: watch.record,
      verdict: verdictOf(watch, nowMs, this.#state.timing),
      stillMs: Math.floor(nowMs - watch.sinceMs),
      objection: objectionTo(this.#state, region, view.drained, nowMs),
    }))
  }

  /** Looks always, acts while elected, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let failure: { readonly error: unknown } | undefined
    const ended = new AbortController()
    await using scope = new LoopScope(this.#options.log, (_, error) => {
      failure ??= { error }
      ended.abort(error)
    })
    const both = AbortSignal.any([signal, ended.signal])
    scope.start('authority looks', () => this.#look(both))
    await this.#campaign(both)
    await scope[Symbol.asyncDispose]()
    if (failure !== undefined) throw failure.error
  }

  async #campaign(signal: AbortSignal): Promise<void> {
    const { store, address: value, electionTtlMs: ttlMs, clock, log, random, alongside } = this.#options
    while (!signal.aborted) {
      let leadership: Leadership
      try {
        leadership = await campaign(store, { role: AUTHORITY_ROLE, value, ttlMs, clock, log, signal, random })
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      const scope = new LoopScope(log, () => void leadership.resign())
      this.#acting = { leadership, scope }
      this.#dispatch({ kind: 'elected' })
      this.#wake?.()
      if (alongside !== undefined) {
        scope.start('alongside', (ended) => alongside(leadership, AbortSignal.any([ended, leadership.lost, signal])))
      }
      await new Promise<void>((resolve) => {
        const over = AbortSignal.any([signal, leadership.lost])
        if (over.aborted) resolve()
        else over.addEventListener('abort', () => resolve(), { once: true })
      })
      this.#acting = undefined
      this.#dispatch({ kind: 'deposed' })
      await scope[Symbol.asyncDispose]()
      await leadership.resign()
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { store, clock, wallMs, view, log, standbyFacts, importance = () => 0, gate } = this.#options
    const { lookEveryMs } = this.#state.timing
    while (!signal.aborted) {
      try {
        const [{ records }, { raftTerm }] = await Promise.all([
          store.list(REGION_LEASE_PREFIX, { consistency: 'linearizable', signal }),
          store.status(signal),
        ])
        const leases = new Map(
          records.map(({ key, value, modRevision }): [RegionId, LeaseSeen] => [
            key.slice(REGION_LEASE_PREFIX.length) as RegionId,
            { record: decodeRegionLease(value), modRevision },
          ]),
        )
        this.#dispatch({
          kind: 'looked',
          nowMs: clock.nowMs(),
          wallMs: wallMs(),
          raftTerm,
          leases,
          world: {
            viewRevision: view.revision,
            ranges: view.ranges.list(),
            drained: view.drained,
            holds: view.budgetHolds,
            journal: view.journal,
            standbyFacts,
            importance,
          },
        })
        for (const [region, { record, modRevision }] of leases) {
          if (record.status === 'live') gate?.returned(region, modRevision)
        }
      } catch (error) {
        if (signal.aborted) return
        if (!isMeridianError(error)) throw error
        log.debug({ err: error }, 'the global tier could not be looked at')
        this.#dispatch({ kind: 'troubled' })
      }
      // Whoever is not elected looks just often enough for its wait to count.
      await this.#rest(this.isElected ? lookEveryMs : 2 * lookEveryMs, signal)
    }
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await this.#options.clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => {})
    this.#wake = undefined
  }

  #dispatch(event: TakeoverEvent): void {
    const [state, effects] = step(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
  }

  #carryOut(effect: TakeoverEffect): void {
    const { observer, clock, store, view } = this.#options
    if (effect.kind === 'observed') {
      const { region, term, counter } = effect
      observer?.({ kind: 'take.observe', region, term, counter, localMs: clock.nowMs(), waitedMs: 0, forced: false })
      return
    }
    const acting = this.#acting
    if (acting === undefined) throw new Error(`assertion: ${effect.kind} without an election`)
    const { leadership, scope } = acting
    if (effect.kind === 'release') {
      scope.start('release', async (signal) => {
        const operations = effect.operations
          .filter((operation) => view.budgetHolds.has(operation))
          .slice(0, RELEASES_MAX)
          .map((operation): Operation => ({ kind: 'delete', key: budgetHoldKey(operation) }))
        if (operations.length > 0) await guardedTxn(store, leadership, { guards: [], operations }, signal).catch(unless)
      })
      return
    }
    scope.start(`${effect.kind} ${effect.region}`, async (ended) => {
      const signal = AbortSignal.any([ended, leadership.lost])
      let revision: Revision | undefined
      try {
        revision = await this.#do(effect, leadership, signal)
      } catch (error) {
        if (!signal.aborted) {
          unless(error)
          this.#options.log.warn({ err: error, region: effect.region }, `region not dealt with: ${effect.kind}`)
        }
      }
      if (this.#acting === acting) this.#dispatch({ kind: 'settled', region: effect.region, revision })
    })
  }

  /** @returns revision of the last commit; undefined: nothing was changed */
  async #do(
    effect: Extract<TakeoverEffect, { region: RegionId; note: string }>,
    leadership: Leadership,
    signal: AbortSignal,
  ): Promise<Revision | undefined> {
    const { gate, log, store } = this.#options
    const { region, term, note, modRevision } = effect
    if (effect.kind !== 'tell') {
      const promised = await gate?.acquire(region, modRevision, signal)
      if (promised !== undefined) {
        log.info({ region, promised }, 'nothing is taken from the region')
        return undefined
      }
    }
    const key = regionLeaseKey(region)
    const guards = [{ kind: 'mod-revision', key, equals: modRevision } as const]
    switch (effect.kind) {
      case 'declare': {
        const operations: Operation[] = [
          { kind: 'put', key, value: encodeRegionLease(effect.next) },
          this.#journal(effect, leadership, { phase: 'taking', ranges: 0, left: this.#owned(region) }),
        ]
        const outcome = await guardedTxn(store, leadership, { guards, operations }, signal)
        if (!outcome.committed) {
          log.info({ region, note }, 'the region renewed its lease just in time')
          return undefined
        }
        log.warn({ region, term, note }, 'authority of a silent region taken')
        this.#committed(effect)
        this.#wake?.()
        return outcome.revision
      }
      case 'take': {
        // Of a silent region the declaration was the act; of a barred one it is that the first range is touched.
        if (effect.forced && !this.#forcedTerms.has(`${region} ${term}`)) this.#committed(effect)
        this.#forcedTerms.add(`${region} ${term}`)
        const before = this.#movedOf(region, term)
        const { revision, moved } = await takeBatches(effect, {
          ...this.#options,
          leadership,
          signal,
          journal: (done, left) =>
            this.#journal(effect, leadership, { phase: 'taking', ranges: before + done, left: effect.left + left }),
        })
        this.#moved.set(takeoverKey(region, term), before + moved)
        log.warn({ region, term, moved, left: effect.left, note }, 'ranges of a silent region taken')
        this.#wake?.()
        return revision
      }
      case 'tell': {
        const { phase, left } = effect
        const ranges = this.#movedOf(region, term)
        const operations = [this.#journal(effect, leadership, { phase, ranges, left })]
        const outcome = await guardedTxn(store, leadership, { guards: [], operations }, signal)
        log.info({ region, term, phase, left, note }, 'takeover')
        return outcome.revision
      }
    }
  }

  #owned(region: RegionId): number {
    return this.#options.view.ranges.list().filter(({ owner }) => owner === region).length
  }

  #entry(region: RegionId, term: bigint): TakeoverEntry | undefined {
    const entry = this.#options.view.journal.get(takeoverOperation(region, term))
    return entry?.kind === 'takeover' ? entry : undefined
  }

  /** Batches overtake each other, so what one wrote down may be too much or too little. */
  #movedOf(region: RegionId, term: bigint): number {
    return this.#moved.get(takeoverKey(region, term)) ?? this.#entry(region, term)?.ranges ?? 0
  }

  #committed(effect: Extract<TakeoverEffect, { region: RegionId; note: string }>): void {
    const { region, term, counter, waitedMs, forced } = effect
    const { observer, clock } = this.#options
    observer?.({ kind: 'take.commit', region, term, counter, localMs: clock.nowMs(), waitedMs, forced })
  }

  #journal(
    effect: Extract<TakeoverEffect, { region: RegionId; note: string }>,
    leadership: Leadership,
    progress: { readonly phase: TakeoverPhase; readonly ranges: number; readonly left: number },
  ): Operation {
    const { address, wallMs } = this.#options
    const { region, term, counter, note, forced } = effect
    const known = this.#entry(region, term)
    const nowWallMs = Math.round(wallMs())
    const value = encodeJournal({
      kind: 'takeover',
      operation: takeoverOperation(region, term),
      region,
      term,
      authority: address,
      elect: leadership.token,
      counter,
      waitedMs: effect.kind === 'declare' ? effect.waitedMs : (known?.waitedMs ?? 0),
      forced: forced || (known?.forced ?? false),
      observedWallMs: known?.observedWallMs ?? nowWallMs - effect.waitedMs,
      updatedWallMs: nowWallMs,
      ...progress,
      note: effect.kind === 'take' && known !== undefined ? withoutPlan(known.note) + PLAN_MARK + note : note,
    })
    return { kind: 'put', key: takeoverKey(region, term), value }
  }
}

const RELEASES_MAX = 64
/** Between why the authority was taken and where the ranges went. */
const PLAN_MARK = ' -> '

const withoutPlan = (note: string): string => note.split(PLAN_MARK)[0] ?? ''

/** Refusals and silence of the store are to be expected; anything else is a bug. */
function unless(error: unknown): void {
  if (!isMeridianError(error)) throw error
}
