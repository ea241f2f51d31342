import type { FaultKind, FaultStep } from '../faults/fault-step.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { SimWorld } from '../world/world.ts'

export interface Every {
  readonly kind: FaultKind
  readonly targets: readonly string[]
  readonly everyMs: number
  readonly forMs: readonly [min: number, max: number]
  readonly amount?: number | ((random: SimRandom) => number)
}

/** The same kind of fault again and again, until the profile's time for faults is over. */
export function again(world: SimWorld, random: SimRandom, every: Every): FaultStep[] {
  const { kind, targets, everyMs, forMs, amount = 0 } = every
  const steps: FaultStep[] = []
  const endMs = world.profile.faultyMs
  for (let atMs = random.between(0, everyMs); atMs < endMs; atMs += random.between(0.7, 1.3) * everyMs) {
    const span = Math.min(random.between(...forMs), endMs - atMs)
    const worth = typeof amount === 'number' ? amount : amount(random)
    steps.push({ kind, target: random.pick(targets), atMs: Math.round(atMs), forMs: Math.round(span), amount: worth })
  }
  return steps
}

export const nodesOf = ({ plans }: SimWorld): string[] => plans.flatMap(({ nodes }) => nodes)
export const serversOf = ({ plans }: SimWorld): string[] => plans.flatMap(({ servers }) => servers)
export const pairsOf = ({ plans }: SimWorld): string[] =>
  plans.flatMap(({ region: a }) => plans.map(({ region: b }) => `${a}>${b}`))
