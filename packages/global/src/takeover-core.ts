import type { OperationId, RangeDescriptor, RangeId, RegionId, Revision } from '@meridian/topology'
import type { BudgetHold } from './budget-hold.ts'
import { hasEnded, takeoverOperation } from './journal.ts'
import type { JournalEntry, TakeoverEntry, TakeoverPhase } from './journal.ts'
import { regionWaitMsOf } from './region-lease.ts'
import type { RegionLeaseRecord } from './region-lease.ts'
import { planTakes } from './takeover-plan.ts'
import type { Batch, StandbyFacts } from './takeover-plan.ts'

export interface TakeoverTiming {
  /** L_R: what the holders count. */
  readonly leaseMs: number
  /** W_R: how long a counter must stand still. */
  readonly waitMs: number
  readonly lookEveryMs: number
  /** Silence counts only while G answered linearizable reads with smaller gaps than this. */
  readonly provenGapMsMax: number
  /** How long a region that came back is given nothing. */
  readonly coolDownMs: number
}

export function takeoverTimingOf(leaseMs: number): TakeoverTiming {
  return { leaseMs, waitMs: regionWaitMsOf(leaseMs), lookEveryMs: 500, provenGapMsMax: 2000, coolDownMs: 60_000 }
}

/** A region's lease as a linearizable read of G showed it. */
export interface LeaseSeen {
  readonly record: RegionLeaseRecord
  readonly modRevision: Revision
}

export interface LeaseWatch extends LeaseSeen {
  /** Own clock at the linearizable read that first showed this very write, or at the last restart of the wait. */
  readonly sinceMs: number
  /** Own clock at the last look that showed a renewal which the look before did not; undefined before the first. */
  readonly movedMs: number | undefined
}

/** What this server has applied of G and knows of the standbys. */
export interface TakeoverWorld {
  readonly viewRevision: Revision
  readonly ranges: readonly RangeDescriptor[]
  readonly drained: ReadonlySet<RegionId>
  readonly holds: ReadonlyMap<OperationId, BudgetHold>
  readonly journal: ReadonlyMap<OperationId, JournalEntry>
  readonly standbyFacts: (range: RangeId, region: RegionId) => StandbyFacts
  readonly importance: (range: RangeId) => number
}

export interface TakeoverState {
  readonly timing: TakeoverTiming
  /** Elected. Whoever is not looks all the same, so that the wait is over when a successor is needed. */
  readonly acting: boolean
  /** Last linearizable read that was answered; undefined before the first, and after trouble. */
  readonly provenMs: number | undefined
  readonly raftTerm: bigint | undefined
  readonly watches: ReadonlyMap<RegionId, LeaseWatch>
  /** When regions that had lost their authority were seen to renew again. */
  readonly returnedMs: ReadonlyMap<RegionId, number>
  readonly holdsSinceMs: ReadonlyMap<OperationId, number>
  /** Regions of which an effect is under way. */
  readonly busy: ReadonlySet<RegionId>
  /** A view older than this still shows what was moved. */
  readonly awaited: ReadonlyMap<RegionId, Revision>
  /** What was last written of each region, so that nothing is written twice. */
  readonly told: ReadonlyMap<RegionId, string>
}

export type TakeoverEvent =
  | { readonly kind: 'elected' }
  | { readonly kind: 'deposed' }
  | {
      readonly kind: 'looked'
      readonly nowMs: number
      readonly wallMs: number
      readonly raftTerm: bigint
      readonly leases: ReadonlyMap<RegionId, LeaseSeen>
      readonly world: TakeoverWorld
    }
  /** G did not do what it should: silence from before proves nothing. */
  | { readonly kind: 'troubled' }
  /** An effect of this region has ended, with or without success; `revision`: of its last commit. */
  | { readonly kind: 'settled'; readonly region: RegionId; readonly revision: Revision | undefined }

interface OnRegion {
  readonly region: RegionId
  /** Of the lease that this rests on; a renewal in between refuses it. */
  readonly modRevision: Revision
  readonly counter: bigint
  readonly term: bigint
  readonly waitedMs: number
  readonly forced: boolean
  readonly note: string
}

export type TakeoverEffect =
  /** The wait for this counter begins. */
  | { readonly kind: 'observed'; readonly region: RegionId; readonly term: bigint; readonly counter: bigint }
  /** One transaction: if no renewal was committed since, the authority of the region's term is over. */
  | (OnRegion & { readonly kind: 'declare'; readonly next: RegionLeaseRecord })
  /** One transaction each, as long as nobody renewed the lease. */
  | (OnRegion & { readonly kind: 'take'; readonly batches: readonly Batch[]; readonly left: number })
  /** Only the journal. */
  | (OnRegion & { readonly kind: 'tell'; readonly phase: TakeoverPhase; readonly left: number })
  /** Lowered continuations that have surely run out. */
  | { readonly kind: 'release'; readonly operations: readonly OperationId[] }

/** What happens to a region, by what its lease says and for how long it has said so. */
export const REGION_VERDICTS = ['renewing', 'late', 'overdue', 'silent', 'barred', 'gone'] as const
export type RegionVerdict = (typeof REGION_VERDICTS)[number]

/**
 * - `renewing`: nothing happens. - `late`: half of W_R without a renewal; it is given nothing.
 * - `overdue`: W_R without one; its authority is taken, or the brake holds.
 * - `silent`: its authority was taken after W_R, by whomever: its ranges are taken.
 * - `barred`: taken by an operator, and its leases may still run. - `gone`: barred for W_R, or attested: as silent.
 */
export function verdictOf({ record, sinceMs }: LeaseWatch, nowMs: number, { waitMs }: TakeoverTiming): RegionVerdict {
  const stillMs = nowMs - sinceMs
  switch (record.status) {
    case 'live':
      return stillMs >= waitMs ? 'overdue' : stillMs >= waitMs / 2 ? 'late' : 'renewing'
    case 'silent':
      return 'silent'
    case 'barred':
      return record.bar?.poweredOff === true || stillMs >= waitMs ? 'gone' : 'barred'
  }
}

export function initialTakeover(timing: TakeoverTiming): TakeoverState {
  return {
    timing,
    acting: false,
    provenMs: undefined,
    raftTerm: undefined,
    watches: new Map(),
    returnedMs: new Map(),
    holdsSinceMs: new Map(),
    busy: new Set(),
    awaited: new Map(),
    told: new Map(),
  }
}

/** The whole decision of the failover authority. Pure: what it wants done comes back as effects. */
export function step(state: TakeoverState, event: TakeoverEvent): readonly [TakeoverState, readonly TakeoverEffect[]] {
  switch (event.kind) {
    case 'elected':
      return [{ ...state, acting: true, busy: new Set(), told: new Map() }, []]
    case 'deposed':
      return [{ ...state, acting: false, busy: new Set(), told: new Map() }, []]
    case 'troubled':
      return [{ ...state, provenMs: undefined }, []]
    case 'settled': {
      const busy = new Set(state.busy)
      busy.delete(event.region)
      const awaited = new Map(state.awaited)
      const told = new Map(state.told)
      if (event.revision === undefined) told.delete(event.region)
      else awaited.set(event.region, event.revision)
      return [{ ...state, busy, awaited, told }, []]
    }
    case 'looked':
      return looked(state, event)
  }
}

type Looked = Extract<TakeoverEvent, { kind: 'looked' }>

function looked(before: TakeoverState, event: Looked): readonly [TakeoverState, readonly TakeoverEffect[]] {
  const { nowMs, raftTerm, leases, world } = event
  const { timing } = before
  // Silence counts only while G demonstrably works, without a gap between looks and without an election (SPEC G3).
  const restart =
    before.provenMs === undefined || nowMs - before.provenMs > timing.provenGapMsMax || before.raftTerm !== raftTerm
  const effects: TakeoverEffect[] = []
  const watches = new Map<RegionId, LeaseWatch>()
  const returnedMs = new Map(before.returnedMs)
  for (const [region, lease] of leases) {
    const watch = before.watches.get(region)
    const same = watch?.modRevision === lease.modRevision
    // A term that was taken away does not come back while G is away.
    const goesOn = same && !(restart && lease.record.status === 'live')
    const movedMs = watch === undefined || same ? watch?.movedMs : nowMs
    watches.set(region, { ...lease, sinceMs: goesOn ? watch.sinceMs : nowMs, movedMs })
    if (!goesOn) effects.push({ kind: 'observed', region, term: lease.record.term, counter: lease.record.counter })
    if (lease.record.status !== 'live') returnedMs.delete(region)
    else if (watch !== undefined && watch.record.status !== 'live') returnedMs.set(region, nowMs)
    else if (watch === undefined) {
      const agoMs = returnedAgoMs(world.journal, region, lease.record.term, event.wallMs)
      if (agoMs !== undefined) returnedMs.set(region, nowMs - agoMs)
    }
  }
  const holdsSinceMs = new Map(
    [...world.holds.keys()].map((operation) => [operation, before.holdsSinceMs.get(operation) ?? nowMs]),
  )
  const seen: TakeoverState = { ...before, provenMs: nowMs, raftTerm, watches, returnedMs, holdsSinceMs }
  if (!seen.acting) return [seen, effects]

  const told = new Map(seen.told)
  const busy = new Set(seen.busy)
  for (const region of watches.keys()) {
    if (busy.has(region)) continue
    const effect = decide(seen, region, event)
    if (effect === undefined) continue
    const text = `${effect.kind} ${effect.term} ${effect.kind === 'tell' ? effect.phase : ''} ${effect.note}`
    if (effect.kind === 'tell' && told.get(region) === text) continue
    told.set(region, text)
    busy.add(region)
    effects.push(effect)
  }
  const over = [...world.holds].flatMap(([operation, { budgetMs }]) =>
    nowMs - (holdsSinceMs.get(operation) ?? nowMs) >= regionWaitMsOf(Math.max(timing.leaseMs, budgetMs))
      ? [operation]
      : [],
  )
  if (over.length > 0) effects.push({ kind: 'release', operations: over })
  return [{ ...seen, told, busy }, effects]
}

/** Whoever begins to look does not know when a region came back; the journal says when that was last spoken of. */
function returnedAgoMs(
  journal: TakeoverWorld['journal'],
  region: RegionId,
  term: bigint,
  wallMs: number,
): number | undefined {
  const entry = journal.get(takeoverOperation(region, term))
  return entry === undefined ? undefined : Math.max(0, wallMs - entry.updatedWallMs)
}

type RegionEffect = Extract<TakeoverEffect, OnRegion>

function decide(state: TakeoverState, region: RegionId, event: Looked): RegionEffect | undefined {
  const { nowMs, world } = event
  const watch = state.watches.get(region)
  if (watch === undefined) return undefined
  const { record, modRevision } = watch
  const { term, counter } = record
  const waitedMs = Math.floor(nowMs - watch.sinceMs)
  const on = { region, modRevision, counter, waitedMs, forced: record.status === 'barred' }
  const verdict = verdictOf(watch, nowMs, state.timing)
  const entry = (ofTerm: bigint): TakeoverEntry | undefined => {
    const found = world.journal.get(takeoverOperation(region, ofTerm))
    return found?.kind === 'takeover' ? found : undefined
  }
  const owned = (): number => world.ranges.filter(({ owner }) => owner === region).length
  const over = endedBy(state, watch, region, world.journal, nowMs)
  if (over !== undefined) {
    const note = `${region} renewed its lease: what it still owned was its own again`
    return { ...on, kind: 'tell', term: over.term, phase: 'stopped', left: owned(), note }
  }
  switch (verdict) {
    case 'renewing':
    case 'late':
    case 'barred':
      return undefined
    case 'overdue': {
      const brake = brakeOf(state, nowMs)
      if (brake !== undefined) {
        return { ...on, kind: 'tell', term: term + 1n, phase: 'braked', left: owned(), note: brake }
      }
      const note =
        `counter ${counter} of ${region} stood still for ${waitedMs} ms of this server's clock, ` +
        'while the global tier answered every look and kept its leader'
      return { ...on, kind: 'declare', term: term + 1n, next: { term: term + 1n, counter, status: 'silent' }, note }
    }
    case 'silent':
    case 'gone': {
      if (world.viewRevision < (state.awaited.get(region) ?? 0n) || world.viewRevision < modRevision) return undefined
      const right = { region, forced: on.forced, poweredOff: record.bar?.poweredOff === true, goneMs: waitedMs }
      const plan = planTakes(right, {
        ...world,
        holds: [...world.holds].map(([operation, hold]) => ({
          ...hold,
          operation,
          knownMs: nowMs - (state.holdsSinceMs.get(operation) ?? nowMs),
        })),
        objection: (candidate) => objectionTo(state, candidate, world.drained, nowMs),
        waitMsOf: (leaseMs) => regionWaitMsOf(Math.max(state.timing.leaseMs, leaseMs)),
      })
      if (plan.batches.length > 0) {
        return { ...on, kind: 'take', term, batches: plan.batches, left: plan.left, note: plan.note }
      }
      const phase = plan.settled ? 'done' : 'taking'
      const known = entry(term)
      if (known === undefined && plan.left === 0) return undefined
      if (known?.phase === phase && known.left === plan.left && (plan.left === 0 || known.note === plan.note)) {
        return undefined
      }
      const note = plan.left === 0 ? (known?.note ?? 'it owned nothing') : plan.note
      return { ...on, kind: 'tell', term, phase, left: plan.left, note }
    }
  }
}

/** A takeover or brake of the region that its lease has left behind, and that nobody has ended yet. */
function endedBy(
  state: TakeoverState,
  watch: LeaseWatch,
  region: RegionId,
  journal: TakeoverWorld['journal'],
  nowMs: number,
): TakeoverEntry | undefined {
  const renews = watch.record.status === 'live' && hasRenewed(state, watch, nowMs)
  for (const entry of journal.values()) {
    if (entry.kind !== 'takeover' || entry.region !== region || hasEnded(entry)) continue
    if (renews || entry.term < watch.record.term) return entry
  }
  return undefined
}

/** Unlike `sinceMs`, a restart of the wait proves nothing here. */
function hasRenewed({ timing }: TakeoverState, { movedMs }: LeaseWatch, nowMs: number): boolean {
  return movedMs !== undefined && nowMs - movedMs < timing.waitMs / 2
}

/** Why nothing is to be taken now; undefined: nothing speaks against it. */
function brakeOf({ watches, timing }: TakeoverState, nowMs: number): string | undefined {
  const doubtful = [...watches]
    .filter(([, watch]) => verdictOf(watch, nowMs, timing) !== 'renewing')
    .map(([region]) => region)
  if (doubtful.length * 2 < watches.size) return undefined
  return (
    `${doubtful.length} of ${watches.size} regions do not renew (${doubtful.join(', ')}): that is not the loss of one ` +
    'region, and nothing is taken; an operator may fail over by hand'
  )
}

/** Why a region is given nothing; undefined: it may be given. */
export function objectionTo(
  state: TakeoverState,
  region: RegionId,
  drained: ReadonlySet<RegionId>,
  nowMs: number,
): string | undefined {
  const watch = state.watches.get(region)
  if (watch === undefined) return 'has no lease'
  if (watch.record.status !== 'live') return `is ${watch.record.status} itself`
  if (!hasRenewed(state, watch, nowMs)) return 'was not seen to renew lately'
  if (drained.has(region)) return 'is drained'
  const returnedMs = state.returnedMs.get(region)
  if (returnedMs !== undefined && nowMs - returnedMs < state.timing.coolDownMs) return 'came back only just now'
  return undefined
}
