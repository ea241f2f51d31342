import { printable, tableLines } from '@meridian/cli'
import type { Layout } from '@meridian/cli'
import { bestVoterSets, planVoters } from '@meridian/tax'
import type { LeaderPlan, PlanWorld, SetPlan, VoterPlan } from '@meridian/tax'
import { loadRoundTrips } from './round-trips.ts'

/** Sets that `--best` shows. */
const SETS_SHOWN_MAX = 10

type PlanObjective = 'mean' | 'worst'

export interface PlanQuestion {
  readonly voters?: readonly string[]
  readonly best?: number
  readonly matrix: string
  /** Demand by client region; empty: evenly. */
  readonly clients: ReadonlyMap<string, number>
  readonly objective: PlanObjective
}

/**
 * One plan for the voters named, or the best sets of a size, the best first.
 *
 * @throws MeridianError CONFIG_INVALID for a matrix with faults, each with its place; REGION_UNKNOWN; INVALID_ARGUMENT
 */
export async function planOf(question: PlanQuestion): Promise<readonly SetPlan[]> {
  const { voters, best, matrix, clients: demand, objective } = question
  const { regionIds, rttMs } = await loadRoundTrips(matrix)
  const world: PlanWorld = { regions: regionIds, rtt: rttMs, demand }
  if (voters !== undefined) return [planVoters({ ...world, voters })]
  return bestVoterSets(world, best ?? 3, objective).slice(0, SETS_SHOWN_MAX)
}

const bestOf = (plan: VoterPlan, objective: PlanObjective): LeaderPlan | undefined =>
  objective === 'mean' ? plan.bestByMean : plan.bestByWorst

export function planJson(plans: readonly SetPlan[], objective: PlanObjective) {
  return {
    objective,
    plans: plans.map((plan) => ({
      voters: plan.voters,
      best: bestOf(plan, objective) ?? null,
      leaders: plan.leaders,
      without: plan.without.map((rest) => ({ down: rest.down, best: bestOf(rest, objective) ?? null })),
    })),
  }
}

export function planLines(plans: readonly SetPlan[], objective: PlanObjective, layout: Layout): string[] {
  const [first, ...others] = plans
  if (first === undefined) return ['no set of voters']
  return others.length === 0 ? onePlan(first, objective, layout) : manyPlans(plans, objective, layout)
}

function onePlan(plan: SetPlan, objective: PlanObjective, layout: Layout): string[] {
  const best = bestOf(plan, objective)
  const clients = plan.leaders[0]?.clients ?? []
  const leaders = tableLines(
    [
      { title: 'leader' },
      { title: 'mean ms', align: 'right' },
      { title: 'worst', align: 'right' },
      { title: 'quorum', align: 'right' },
      ...clients.map(({ region }) => ({ title: printable(region), align: 'right' as const, cut: true })),
    ],
    plan.leaders.map((leader) => [
      { text: printable(leader.leader), tone: leader === best ? 'good' : 'plain' },
      ms(leader.meanMs),
      ms(leader.worstMs),
      ms(leader.quorumMs),
      ...clients.map(({ region }) => ms(leader.clients.find((client) => client.region === region)?.floorMs)),
    ]),
    layout,
  )
  const down = tableLines(
    [
      { title: 'if this is down', cut: true },
      { title: 'leader', cut: true },
      { title: 'mean ms', align: 'right' },
      { title: 'worst', align: 'right' },
    ],
    plan.without.map((rest) => {
      const leader = bestOf(rest, objective)
      return leader === undefined
        ? [printable(rest.down), { text: 'no majority', tone: 'bad' }, '-', '-']
        : [printable(rest.down), printable(leader.leader), ms(leader.meanMs), ms(leader.worstMs)]
    }),
    layout,
  )
  const verdict =
    best === undefined
      ? 'no leader is possible'
      : `best by ${objective}: ${printable(best.leader)}, ${ms(best.meanMs)} ms in the mean, ${ms(best.worstMs)} ms at worst`
  const demand = clients.map((client) => `${printable(client.region)} ${Math.round(client.demand * 100)}%`).join(', ')
  return [`demand: ${demand}`, '', ...leaders, '', verdict, '', ...down]
}

function manyPlans(plans: readonly SetPlan[], objective: PlanObjective, layout: Layout): string[] {
  return tableLines(
    [
      { title: 'voters', cut: true },
      { title: 'leader', cut: true },
      { title: 'mean ms', align: 'right' },
      { title: 'worst', align: 'right' },
      { title: 'mean, one down', align: 'right' },
    ],
    plans.map((plan) => {
      const best = bestOf(plan, objective)
      const downs = plan.without.map((rest) => bestOf(rest, objective)?.meanMs)
      const worstDown = downs.includes(undefined) ? undefined : Math.max(...downs.map((mean) => mean ?? 0))
      return [
        plan.voters.map(printable).join(' '),
        printable(best?.leader ?? '-'),
        ms(best?.meanMs),
        ms(best?.worstMs),
        ms(worstDown),
      ]
    }),
    layout,
  )
}

const ms = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(1))
