import { MeridianError } from '@meridian/topology'

import { candidates } from './candidates.ts'
import type { Candidate, VoterHealth } from './candidates.ts'
import type { RttLookup } from './commit-floor.ts'

/** Of nine regions there are 126 sets of four or five: a search of all sets stays a matter of milliseconds. */
export const PLAN_REGIONS_MAX = 9

/** A world as somebody thinks of it; nothing has to run. */
export interface PlanWorld {
  readonly regions: readonly string[]
  /** Round trip, ms, of every two of the regions. */
  readonly rtt: RttLookup
  /** By client region, in any unit; all regions alike when empty. */
  readonly demand: ReadonlyMap<string, number>
}

export interface LeaderPlan {
  readonly leader: string
  readonly quorumMs: number
  /** Floor of a commit, weighted by demand. */
  readonly meanMs: number
  /** Floor of the farthest client with a part in the demand. */
  readonly worstMs: number
  readonly clients: readonly { readonly region: string; readonly demand: number; readonly floorMs: number }[]
}

/** A set of voters with, or without, one of them down. */
export interface VoterPlan {
  readonly voters: readonly string[]
  /** Every voter that can lead, the best by mean first; none when a majority is lost. */
  readonly leaders: readonly LeaderPlan[]
  readonly bestByMean: LeaderPlan | undefined
  readonly bestByWorst: LeaderPlan | undefined
}

export interface SetPlan extends VoterPlan {
  /** What remains while one voter is down; the clients of its region are then left out. */
  readonly without: readonly (VoterPlan & { readonly down: string })[]
}

/**
 * What a set of voters costs, for each of its leaders, whole and with each voter down.
 * @throws MeridianError INVALID_ARGUMENT for no voter, one that is twice there, and voters or clients that are no regions.
 */
export function planVoters(world: PlanWorld & { readonly voters: readonly string[] }): SetPlan {
  const { voters } = world
  checkWorld(world)
  if (voters.length === 0 || new Set(voters).size < voters.length)
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `voters are one or more different regions, not ${JSON.stringify(voters)}`,
    )
  checkKnown('voter', voters, world.regions)
  return {
    ...planOf(world, voters, undefined),
    without: voters.map((down) => ({ down, ...planOf(world, voters, down) })),
  }
}

/**
 * All sets of `size` regions as voters, the best under the objective first.
 * @throws MeridianError INVALID_ARGUMENT for more than PLAN_REGIONS_MAX regions or a size that they do not have.
 */
export function bestVoterSets(
  world: PlanWorld,
  size: number,
  objective: 'mean' | 'worst' = 'mean',
): readonly SetPlan[] {
  const { regions } = world
  checkWorld(world)
  if (regions.length > PLAN_REGIONS_MAX)
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${regions.length} regions are too many to try all sets; ${PLAN_REGIONS_MAX} at most`,
    )
  if (!Number.isInteger(size) || size < 1 || size > regions.length)
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `of ${regions.length} regions 1 to ${regions.length} can vote, not ${size}`,
    )
  const costOf = ({ bestByMean, bestByWorst }: SetPlan): number =>
    (objective === 'mean' ? bestByMean?.meanMs : bestByWorst?.worstMs) ?? Number.POSITIVE_INFINITY
  return subsets(regions, size)
    .map((voters) => planVoters({ ...world, voters }))
    .sort((a, b) => costOf(a) - costOf(b))
}

function planOf(world: PlanWorld, voters: readonly string[], down: string | undefined): VoterPlan {
  const health = new Map(voters.map((voter): [string, VoterHealth] => [voter, voter === down ? 'missing' : 'healthy']))
  const demand = world.demand.size > 0 ? world.demand : new Map(world.regions.map((region) => [region, 1]))
  const costs = (kind: 'mean' | 'worst'): Candidate[] =>
    candidates({ voters: health, demand, rtt: world.rtt, objective: { kind }, leader: undefined, preferred: undefined })
  const worst = new Map(costs('worst').map(({ region, costMs }) => [region, costMs]))
  const leaders = costs('mean').flatMap(({ region, costMs, quorumMs, clients }): LeaderPlan[] => {
    const worstMs = worst.get(region)
    if (costMs === undefined || quorumMs === undefined || worstMs === undefined) return []
    const floors = clients.flatMap(({ floorMs, ...client }) => (floorMs === undefined ? [] : [{ ...client, floorMs }]))
    return [{ leader: region, quorumMs, meanMs: costMs, worstMs, clients: floors }]
  })
  return { voters, leaders, bestByMean: leaders[0], bestByWorst: leaders.toSorted((a, b) => a.worstMs - b.worstMs)[0] }
}

function checkWorld({ regions, demand }: PlanWorld): void {
  checkKnown('client', [...demand.keys()], regions)
  for (const [region, weight] of demand) {
    if (!(weight >= 0 && Number.isFinite(weight)))
      throw new MeridianError('INVALID_ARGUMENT', `the demand of ${region} is ${weight}, not a number from 0 up`)
  }
}

function checkKnown(kind: string, named: readonly string[], regions: readonly string[]): void {
  const unknown = named.filter((region) => !regions.includes(region))
  if (unknown.length > 0)
    throw new MeridianError(
      'REGION_UNKNOWN',
      `no such region as ${kind}: ${unknown.join(', ')}; known: ${regions.join(', ')}`,
    )
}

function subsets(items: readonly string[], size: number): string[][] {
  const [first, ...rest] = items
  if (size === 0) return [[]]
  if (first === undefined) return []
  return [...subsets(rest, size - 1).map((set) => [first, ...set]), ...subsets(rest, size)]
}
