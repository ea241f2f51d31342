import { candidates, fixedRegion, unknownRtts } from './candidates.ts'
import type { Candidate, PlacementWorld } from './candidates.ts'

export interface PlacementOptions {
  /** How much of the leader's cost a move has to save, 0 to 1; default 0.1. */
  readonly hysteresisShare: number
  /** How much it has to save at least, ms; default 5. */
  readonly hysteresisMs: number
  /** For how long without a break; default 30 s. */
  readonly holdMs: number
  /** Rest after a move; default 5 min. */
  readonly cooldownMs: number
  /** Until a move that failed is tried again, doubled with each failure up to `cooldownMs`; default 10 s. */
  readonly retryMs: number
  /** How long the end of a move is awaited before it counts as failed; default 30 s. */
  readonly moveMsMax: number
  /** Longest time between two observations over which something counts as seen without a break; default 10 s. */
  readonly gapMsMax: number
}

export const PLACEMENT_DEFAULTS: PlacementOptions = {
  hysteresisShare: 0.1,
  hysteresisMs: 5,
  holdMs: 30_000,
  cooldownMs: 300_000,
  retryMs: 10_000,
  moveMsMax: 30_000,
  gapMsMax: 10_000,
}

/** Times are monotonic ms of the placer. */
export type PlacementEvent =
  | { readonly kind: 'observed'; readonly atMs: number; readonly world: PlacementWorld }
  /** The attempt under way is over; `moved` only when the target is known to lead. */
  | { readonly kind: 'ended'; readonly atMs: number; readonly moved: boolean }

/** To be done only while `source` still leads. */
export interface PlacementMove {
  readonly kind: 'move'
  readonly source: string
  readonly target: string
  readonly reason: string
}

/** What the last observation has to be compared with. */
interface Seen {
  readonly atMs: number
  readonly leader: string | undefined
  readonly preferred: string | undefined
  /** What makes a candidate worth a move; what held on one ground has not held on another. */
  readonly ground: string
}

export interface PlacementState {
  readonly options: PlacementOptions
  readonly seen: Seen | undefined
  /** Since when each candidate has been worth a move, without a break. */
  readonly worthSince: ReadonlyMap<string, number>
  /** An operator asked for a place and has not been obeyed yet: neither hold nor cool-down applies. */
  readonly asked: boolean
  /** At most one move is under way. */
  readonly moving: boolean
  readonly lastMove: (PlacementMove & { readonly atMs: number }) | undefined
  /** No move before, unless the leader drains or an operator asks. */
  readonly restUntilMs: number
  /** No move before at all. */
  readonly retryAtMs: number
  readonly failures: number
  readonly decision: string
  readonly reason: string
  /** When `decision` became what it is; the reason follows each observation. */
  readonly decidedAtMs: number
}

/** @param lastMovedAtMs when a predecessor moved the leader, if that is known: its cool-down is kept. */
export function initialPlacement(options: Partial<PlacementOptions> = {}, lastMovedAtMs?: number): PlacementState {
  const all = { ...PLACEMENT_DEFAULTS, ...options }
  return {
    options: all,
    seen: undefined,
    worthSince: new Map(),
    asked: false,
    moving: false,
    lastMove: undefined,
    restUntilMs: lastMovedAtMs === undefined ? Number.NEGATIVE_INFINITY : lastMovedAtMs + all.cooldownMs,
    retryAtMs: Number.NEGATIVE_INFINITY,
    failures: 0,
    decision: 'wait',
    reason: 'nothing was observed yet',
    decidedAtMs: Number.NEGATIVE_INFINITY,
  }
}

/**
 * Where the leader belongs: see SPEC.md, whose invariants P1 to P10 this keeps. At most one effect, a move, which the
 * caller attempts and reports with `ended`; a report that gets lost is made up for after `moveMsMax`.
 */
export function step(
  state: PlacementState,
  event: PlacementEvent,
): readonly [PlacementState, readonly PlacementMove[]] {
  if (event.kind === 'ended') return [ended(state, event.atMs, event.moved), []]
  const { atMs, world } = event
  const next = observe(state, atMs, world)
  const verdict = judge(next, atMs, world)
  const { decision, reason, worthSince } = verdict
  const decidedAtMs = decision === state.decision ? state.decidedAtMs : atMs
  const judged = { ...next, worthSince, decision, reason, decidedAtMs }
  if (verdict.target === undefined || world.leader === undefined) return [judged, []]
  const move: PlacementMove = { kind: 'move', source: world.leader, target: verdict.target, reason }
  return [{ ...judged, moving: true, lastMove: { ...move, atMs } }, [move]]
}

function ended(state: PlacementState, atMs: number, moved: boolean): PlacementState {
  if (!state.moving) return state
  const { retryMs, cooldownMs } = state.options
  if (moved) {
    // An observation made before the move must not be answered with a second one.
    return { ...state, moving: false, failures: 0, restUntilMs: atMs + cooldownMs, retryAtMs: atMs + retryMs }
  }
  const retryAtMs = atMs + Math.min(cooldownMs, retryMs * 2 ** state.failures)
  // Nothing moved, so there is nothing to rest from; should it have moved after all, `observe` sees that.
  return { ...state, moving: false, failures: state.failures + 1, retryAtMs }
}

/** What an observation says about time, the leader, the preference and the attempt under way. */
function observe(state: PlacementState, atMs: number, world: PlacementWorld): PlacementState {
  const { seen, options, lastMove } = state
  if (seen !== undefined && atMs < seen.atMs) throw new Error('assertion: the clock of the placer went backwards')
  const { leader, preferred } = world
  const ground = fixedRegion(world) ?? `by ${world.objective.kind}`
  const now: Seen = { atMs, leader, preferred, ground }
  let next: PlacementState = { ...state, seen: now }
  const isSame = leader === seen?.leader && ground === seen?.ground
  const unbroken = isSame && seen !== undefined && atMs - seen.atMs <= options.gapMsMax
  if (!unbroken) next = { ...next, worthSince: new Map() }
  if (preferred !== seen?.preferred) next = { ...next, asked: preferred !== undefined }
  if (leader === preferred) next = { ...next, asked: false }
  const arrived = leader !== undefined && leader === lastMove?.target && leader !== seen?.leader
  if (arrived) return { ...ended({ ...next, moving: true }, atMs, true), seen: now }
  if (next.moving && lastMove !== undefined && atMs - lastMove.atMs > options.moveMsMax) return ended(next, atMs, false)
  return next
}

interface Verdict {
  readonly decision: string
  readonly reason: string
  readonly worthSince: ReadonlyMap<string, number>
  readonly target?: string
}

const NONE: ReadonlyMap<string, number> = new Map()

function judge(state: PlacementState, atMs: number, world: PlacementWorld): Verdict {
  const { leader } = world
  const wait = (reason: string, worthSince = NONE): Verdict => ({ decision: 'wait', reason, worthSince })
  if (state.moving && state.lastMove !== undefined) {
    return { decision: `moving to ${state.lastMove.target}`, reason: state.lastMove.reason, worthSince: NONE }
  }
  if (leader === undefined) return wait('nobody is known to lead')
  if (!world.voters.has(leader)) return wait(`the leader's region ${leader} is not among the voters`)

  const all = candidates(world)
  const safe = all.filter(({ region, obstacle }) => region !== leader && obstacle === '')
  const fixed = fixedRegion(world)
  const place = safe.find(({ region }) => region === fixed)
  if (world.voters.get(leader) === 'draining') {
    const target = place ?? safe[0]
    if (target === undefined) return wait(`${leader} is draining, but nobody may take over: ${obstacles(all, leader)}`)
    const reason = `${leader} is draining; ${target.region} is ${target === place ? 'asked for' : 'the cheapest that may lead'}`
    if (atMs < state.retryAtMs) return wait(`${reason}; trying again in ${seconds(state.retryAtMs - atMs)}`)
    return { decision: `move to ${target.region}`, reason, worthSince: NONE, target: target.region }
  }

  const stay = (reason: string): Verdict => ({ decision: `stay in ${leader}`, reason, worthSince: NONE })
  if (fixed === leader) return stay(`${leader} is asked for`)
  if (place !== undefined) return whenHeld(state, atMs, [place], `${place.region} is asked for`, state.asked)

  const verdict = byCost(state, atMs, all, leader, world)
  if (fixed === undefined) return verdict
  const obstacle = all.find(({ region }) => region === fixed)?.obstacle ?? 'it is not a voter'
  return { ...verdict, reason: `${fixed} is asked for, but ${obstacle}; ${verdict.reason}` }
}

function byCost(
  state: PlacementState,
  atMs: number,
  all: readonly Candidate[],
  leader: string,
  world: PlacementWorld,
): Verdict {
  const { hysteresisShare, hysteresisMs } = state.options
  const stay = (reason: string): Verdict => ({ decision: `stay in ${leader}`, reason, worthSince: NONE })
  const unknown = unknownRtts(world)
  if (unknown.length > 0) return stay(`round trips are unknown or too old: ${listed(unknown)}`)
  const currentMs = all.find(({ region }) => region === leader)?.costMs
  if (currentMs === undefined) return stay(`what ${leader} costs is unknown`)

  const marginMs = Math.max(hysteresisShare * currentMs, hysteresisMs)
  const costs = (candidate: Candidate): string =>
    `${candidate.region} would cost ${ms(candidate.costMs)} instead of ${ms(currentMs)}`
  const cheaper = all.filter(({ costMs }) => costMs !== undefined && costMs < currentMs)
  const worth = cheaper.filter(({ costMs, obstacle }) => obstacle === '' && (costMs ?? NaN) <= currentMs - marginMs)
  const [best] = worth
  if (best !== undefined) return whenHeld(state, atMs, worth, costs(best), false)
  const [first] = cheaper
  if (first === undefined) return stay(`${leader} is the cheapest at ${ms(currentMs)}`)
  if (first.obstacle !== '') return stay(`${costs(first)}, but ${first.obstacle}`)
  return stay(`${costs(first)}, which saves less than ${ms(marginMs)}`)
}

/** Moves to the first of those worth a move, the best, once it has been worth it for long enough and the rest is over. */
function whenHeld(
  state: PlacementState,
  atMs: number,
  worth: readonly Candidate[],
  reason: string,
  atOnce: boolean,
): Verdict {
  const worthSince = new Map(worth.map(({ region }) => [region, state.worthSince.get(region) ?? atMs]))
  const [target] = worthSince.keys()
  if (target === undefined) throw new Error('assertion: nothing is worth a move')
  const holdMs = atOnce ? 0 : (worthSince.get(target) ?? atMs) + state.options.holdMs - atMs
  const restMs = Math.max(state.retryAtMs, atOnce ? state.retryAtMs : state.restUntilMs) - atMs
  if (holdMs <= 0 && restMs <= 0) return { decision: `move to ${target}`, reason, worthSince, target }
  const why = holdMs >= restMs ? 'it has to stay so' : 'the last move or attempt is too recent'
  return { decision: 'wait', reason: `${reason}; ${why}, ${seconds(Math.max(holdMs, restMs))} more`, worthSince }
}

const ms = (value: number | undefined): string => `${(value ?? NaN).toFixed(1)} ms`
const seconds = (value: number): string => `${Math.ceil(value / 1000)} s`

const PAIRS_SHOWN_MAX = 4

function listed(pairs: readonly string[]): string {
  const shown = pairs.slice(0, PAIRS_SHOWN_MAX).join(', ')
  return pairs.length > PAIRS_SHOWN_MAX ? `${shown} and ${pairs.length - PAIRS_SHOWN_MAX} more` : shown
}

const obstacles = (all: readonly Candidate[], leader: string): string =>
  all
    .filter(({ region }) => region !== leader)
    .map(({ region, obstacle }) => `${region}: ${obstacle}`)
    .join('; ')
