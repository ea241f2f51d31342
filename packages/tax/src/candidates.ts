import { quorumWithoutMs } from './commit-floor.ts'

/**
 * Of the voter in a region. `lagging`: far behind in the log. `draining`: about to leave. `suspect`: somebody doubts that
 * it answers in time. `missing`: it is known not to answer; it still counts for the majority.
 */
export type VoterHealth = 'healthy' | 'lagging' | 'draining' | 'suspect' | 'missing'

/** What the best leader is best at: the mean over all commits, the farthest client, or being in one region. */
export type Objective =
  | { readonly kind: 'mean' }
  | { readonly kind: 'worst' }
  | { readonly kind: 'fixed'; readonly region: string }

/** Clients with less of the demand are not the worst case of anything. */
export const WORST_DEMAND_MIN = 0.01

/** What is known of the global tier at one moment. */
export interface PlacementWorld {
  readonly voters: ReadonlyMap<string, VoterHealth>
  /** Region of the tier's leader; absent when nobody leads or it is not known. */
  readonly leader: string | undefined
  /** By client region; any unit, since only the proportions count. Without any, every voter's region counts the same. */
  readonly demand: ReadonlyMap<string, number>
  /** Round trip, ms; absent when it is unknown or too old to be acted on (`RttMatrix.lookupFresh`). */
  readonly rtt: (a: string, b: string) => number | undefined
  readonly objective: Objective
  /** Region an operator asked for, which overrides the objective; absent for none. */
  readonly preferred: string | undefined
}

export interface ClientCost {
  readonly region: string
  /** Share of the demand, 0 to 1. */
  readonly demand: number
  /** Absent while a round trip is unknown or nothing commits. */
  readonly floorMs: number | undefined
}

/** A voter as the leader it is or might be. */
export interface Candidate {
  readonly region: string
  /** Expected commit cost under the objective, ms; by the mean for a fixed place. Absent when it cannot be computed. */
  readonly costMs: number | undefined
  /** Round trip to the nearest majority, ms. */
  readonly quorumMs: number | undefined
  /** Empty when it may be made leader, else why not. */
  readonly obstacle: string
  readonly clients: readonly ClientCost[]
}

const HEALTH_OBSTACLES: Readonly<Record<VoterHealth, string>> = {
  healthy: '',
  lagging: 'its log is behind',
  draining: 'it is draining',
  suspect: 'it is suspected to be down',
  missing: 'it does not answer',
}

/** The place an operator or the objective names, which no cost can argue with. */
export function fixedRegion({ preferred, objective }: PlacementWorld): string | undefined {
  return preferred ?? (objective.kind === 'fixed' ? objective.region : undefined)
}

/** Every voter with what its leadership would cost now, the cheapest first, those of unknown cost last. */
export function candidates(world: PlacementWorld): Candidate[] {
  const demand = demandShares(world)
  return [...world.voters.keys()]
    .map((region) => candidateOf(region, world, demand))
    .sort(
      (a, b) =>
        (a.costMs ?? Number.POSITIVE_INFINITY) - (b.costMs ?? Number.POSITIVE_INFINITY) ||
        (a.region < b.region ? -1 : 1),
    )
}

/** Pairs, as `a - b`, whose round trip is unknown or too old: of voters that answer, and of clients with these. */
export function unknownRtts(world: PlacementWorld): string[] {
  const voters = answering(world)
  const unknown = new Set<string>()
  for (const from of new Set([...voters, ...demandShares(world).keys()])) {
    for (const to of voters) if (world.rtt(from, to) === undefined) unknown.add([from, to].sort().join(' - '))
  }
  return [...unknown].sort()
}

const answering = ({ voters }: PlacementWorld): string[] =>
  [...voters].filter(([, health]) => health !== 'missing').map(([region]) => region)

/** A region that does not answer has no clients who could be served better; what is remembered of its demand decays. */
function demandShares(world: PlacementWorld): ReadonlyMap<string, number> {
  const asking = [...world.demand].filter(([region, weight]) => weight > 0 && world.voters.get(region) !== 'missing')
  const weights = asking.length > 0 ? asking : answering(world).map((region) => [region, 1] as const)
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
  return new Map(weights.map(([region, weight]) => [region, weight / total]))
}

function candidateOf(region: string, world: PlacementWorld, demand: ReadonlyMap<string, number>): Candidate {
  const down = [...world.voters.keys()].filter((voter) => world.voters.get(voter) === 'missing')
  // An unknown round trip sorts last: the quorum is known as long as enough near voters are, and NaN would sort anywhere.
  const quorumMs = finite(
    quorumWithoutMs(down, region, [...world.voters.keys()], (a, b) => world.rtt(a, b) ?? Number.POSITIVE_INFINITY),
  )
  const clients = [...demand].map(([client, share]) => {
    const way = world.rtt(client, region)
    const floorMs = way === undefined || quorumMs === undefined ? undefined : way + quorumMs
    return { region: client, demand: share, floorMs }
  })
  const costMs = costOf(clients, world.objective)
  const health = HEALTH_OBSTACLES[world.voters.get(region) ?? 'missing']
  return { region, costMs, quorumMs, obstacle: health, clients }
}

function costOf(clients: readonly ClientCost[], objective: Objective): number | undefined {
  const counted = objective.kind === 'worst' ? clients.filter(({ demand }) => demand >= WORST_DEMAND_MIN) : clients
  let costMs = 0
  for (const { demand, floorMs } of counted) {
    if (floorMs === undefined) return undefined
    costMs = objective.kind === 'worst' ? Math.max(costMs, floorMs) : costMs + demand * floorMs
  }
  return costMs
}

const finite = (ms: number | undefined): number | undefined => (Number.isFinite(ms) ? ms : undefined)
