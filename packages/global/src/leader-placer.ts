import { LoopScope } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import { campaign } from '@meridian/store'
import type { Leadership, Store } from '@meridian/store'
import { candidates, Demand, initialPlacement, step, Surplus } from '@meridian/tax'
import type {
  Candidate,
  Objective,
  PlacementEvent,
  PlacementMove,
  PlacementOptions,
  PlacementState,
  PlacementWorld,
  RttMatrix,
} from '@meridian/tax'
import { isMeridianError } from '@meridian/topology'
import { readDrainingRegions } from './draining-regions.ts'
import { readLastMove, writeLastMove } from './last-move.ts'
import { readLeaderPreference } from './leader-preference.ts'
import { VoterWatch } from './voters.ts'
import type { Voters } from './voters.ts'

export const PLACER_ROLE = 'placer'
const LOOK_EVERY_MS = 2000

export interface LeaderPlacerOptions {
  readonly store: Store
  /** Address of this server, by which the others find whoever places. */
  readonly address: string
  readonly electionTtlMs: number
  /** Region of a voter by the name of its member. */
  readonly regionOf: (memberName: string) => string | undefined
  readonly matrix: RttMatrix
  /**
   * Records what is asked of G in all regions, and what it takes beyond the floors, for as long as this server places; ends
   * when the signal aborts.
   */
  readonly collectDemand: (demand: Demand, surplus: Surplus, signal: AbortSignal) => Promise<void>
  readonly objective: Objective
  /** Hysteresis, hold and rest; the others are not for operators. */
  readonly placement: Pick<PlacementOptions, 'hysteresisShare' | 'hysteresisMs' | 'holdMs' | 'cooldownMs'>
  readonly clock: Clock
  /** Wall ms, for what the next placer is to know. */
  readonly wallMs: () => number
  readonly log: Logger
  readonly random: () => number
}

export interface LeaderExplanation {
  readonly objective: Objective
  readonly leader: string | undefined
  readonly preferred: string | undefined
  readonly candidates: readonly Candidate[]
  /** What commits take beyond their floors, ms; undefined while none was measured. The same for all candidates. */
  readonly surplusMs: number | undefined
  readonly decision: string
  readonly reason: string
  /** Since the decision became what it is. */
  readonly decidedMs: number
  readonly placement: PlacementOptions
}

/**
 * Places the leader of G where commits cost least: elected at G, it looks every two seconds, and what the pure placement
 * decides it does by etcd's own transfer of leadership. Nothing rests on it being alone or alive: two of them would move
 * a leader twice, none leaves it where it is.
 */
export class LeaderPlacer {
  readonly #options: LeaderPlacerOptions
  #placing: { readonly world: PlacementWorld; readonly state: PlacementState } | undefined
  #surplus = new Surplus()

  constructor(options: LeaderPlacerOptions) {
    this.#options = options
  }

  /** Undefined unless this server places and has looked once. */
  explanation(): LeaderExplanation | undefined {
    if (this.#placing === undefined) return undefined
    const { world, state } = this.#placing
    return {
      objective: world.objective,
      leader: world.leader,
      preferred: world.preferred,
      candidates: candidates(world),
      surplusMs: this.#surplus.ms,
      decision: state.decision,
      reason: state.reason,
      // A placer that has waited from the start has decided nothing yet.
      decidedMs: Number.isFinite(state.decidedAtMs) ? this.#options.clock.nowMs() - state.decidedAtMs : 0,
      placement: state.options,
    }
  }

  /** Campaigns, places while elected, and again, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, address: value, electionTtlMs: ttlMs, clock, log, random } = this.#options
    while (!signal.aborted) {
      let leadership: Leadership
      try {
        leadership = await campaign(store, { role: PLACER_ROLE, value, ttlMs, clock, log, signal, random })
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      await this.#place(leadership, AbortSignal.any([signal, leadership.lost]))
      this.#placing = undefined
      await leadership.resign()
    }
  }

  async #place(leadership: Leadership, signal: AbortSignal): Promise<void> {
    const { clock, log, collectDemand, regionOf } = this.#options
    const demand = new Demand({ nowMs: () => clock.nowMs() })
    const surplus = new Surplus()
    this.#surplus = surplus
    const watch = new VoterWatch(regionOf)
    await using scope = new LoopScope(log)
    scope.start('demand', (ended) => collectDemand(demand, surplus, AbortSignal.any([signal, ended])))
    let state: PlacementState | undefined
    while (!signal.aborted) {
      try {
        state ??= await this.#initial(signal)
        state = await this.#look(state, watch, demand, leadership, signal)
      } catch (error) {
        if (signal.aborted) return
        if (!isMeridianError(error)) throw error
        log.debug({ err: error }, 'the global tier could not be looked at')
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
    }
  }

  async #initial(signal: AbortSignal): Promise<PlacementState> {
    const { store, clock, wallMs, placement } = this.#options
    const movedWallMs = await readLastMove(store, signal)
    const agoMs = movedWallMs === undefined ? undefined : Math.max(0, wallMs() - movedWallMs)
    return initialPlacement(placement, agoMs === undefined ? undefined : clock.nowMs() - agoMs)
  }

  async #look(
    before: PlacementState,
    watch: VoterWatch,
    demand: Demand,
    leadership: Leadership,
    signal: AbortSignal,
  ): Promise<PlacementState> {
    const { store, clock, matrix, objective } = this.#options
    const [members, preferred, draining] = await Promise.all([
      store.members(signal),
      readLeaderPreference(store, signal),
      readDrainingRegions(store, signal),
    ])
    const voters = watch.look(members, draining)
    const world: PlacementWorld = {
      voters: voters.health,
      leader: voters.leader,
      demand: demand.shares([...voters.health.keys()].filter((region) => voters.health.get(region) !== 'missing')),
      rtt: matrix.lookupFresh,
      objective,
      preferred,
    }
    const rested = movedByOthers(before, world)
    const event: PlacementEvent = { kind: 'observed', atMs: clock.nowMs(), world }
    const [state, moves] = step(rested ? restingFrom(before, event.atMs) : before, event)
    this.#placing = { world, state }
    if (rested) await this.#remember(leadership, signal)
    let moved = state
    for (const move of moves) moved = await this.#move(move, moved, voters, leadership, signal)
    this.#placing = { world, state: moved }
    return moved
  }

  async #move(
    move: PlacementMove,
    state: PlacementState,
    voters: Voters,
    leadership: Leadership,
    signal: AbortSignal,
  ): Promise<PlacementState> {
    const { store, clock, log } = this.#options
    const memberId = voters.memberOf.get(move.target)
    if (memberId === undefined) throw new Error(`assertion: ${move.target} is placed without being a voter`)
    const { source, target, reason } = move
    const startedMs = clock.nowMs()
    let ended = true
    try {
      await store.moveLeader(memberId, signal)
      log.info({ source, target, reason, tookMs: Math.round(clock.nowMs() - startedMs) }, 'global leader moved')
      await this.#remember(leadership, signal)
    } catch (error) {
      if (!isMeridianError(error)) throw error
      log.warn({ err: error, source, target }, 'global leader not moved')
      ended = false
    }
    return step(state, { kind: 'ended', atMs: clock.nowMs(), moved: ended })[0]
  }

  /** Best effort: a placer that does not know of a move only acts a little sooner. */
  async #remember(leadership: Leadership, signal: AbortSignal): Promise<void> {
    try {
      await writeLastMove(this.#options.store, leadership, this.#options.wallMs(), signal)
    } catch (error) {
      if (!isMeridianError(error)) throw error
      this.#options.log.debug({ err: error }, 'the move was not written down')
    }
  }
}

/** The leadership changed hands while the old leader is well: an operator moved it, and is not to be undone at once. */
function movedByOthers({ seen, moving, lastMove }: PlacementState, { leader, voters }: PlacementWorld): boolean {
  if (seen?.leader === undefined || leader === undefined || leader === seen.leader) return false
  if (moving && leader === lastMove?.target) return false
  if (leader === lastMove?.target && lastMove.source === seen.leader) return false
  return voters.get(seen.leader) === 'healthy'
}

function restingFrom(state: PlacementState, atMs: number): PlacementState {
  return { ...state, restUntilMs: Math.max(state.restUntilMs, atMs + state.options.cooldownMs) }
}
