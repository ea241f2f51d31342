import type { SimRandom } from '../kernel/random.ts'
import type { SimWorld } from '../world/world.ts'
import type { FaultKind, FaultStep } from './fault-step.ts'

/**
 * One fault that lasts: long enough for what the program does about it only after a while, which short faults at random
 * never see, and with little else going on meanwhile. A region that is gone or cut off is taken over; without G regions
 * stand still, or stop.
 */
export interface Ordeal {
  readonly fault: FaultStep
  /** Nothing else at all meanwhile: whoever waits for calm can be timed. */
  readonly alone: boolean
}

const ORDEAL_SHARE = 0.6
const ALONE_SHARE = 0.5
/** After W_R = 9.4 s, an election of G of up to 4.5 s before that, and time for somebody to write elsewhere. */
const REGION_MS = [17_000, 27_000] as const
/** Longer than a lease, and a promise on top. */
const GLOBAL_MS = [10_000, 20_000] as const
const BEGIN_MS = [2000, 9000] as const
/** Somebody has to be well when the others notice, and to have become so. */
const MARGIN_MS = 2000

/** Undefined: none in this world. */
export function drawOrdeal(world: SimWorld, random: SimRandom): Ordeal | undefined {
  if (!random.chance(ORDEAL_SHARE)) return undefined
  const { plans, profile } = world
  const standsStill = plans.some(({ config }) => config.standstill)
  const kinds: readonly FaultKind[] = standsStill ? ['store-down', 'store-down', 'isolate'] : ['region-down', 'isolate']
  const kind = random.pick(kinds)
  const ofRegion = kind !== 'store-down'
  const target = ofRegion ? random.pick(plans).region : 'g'
  const atMs = Math.round(random.between(...BEGIN_MS))
  const drawnMs = ofRegion ? random.between(...REGION_MS) : random.between(...GLOBAL_MS)
  const forMs = Math.min(drawnMs, profile.faultyMs - atMs)
  const fault = { kind, target, atMs, forMs: Math.round(forMs), amount: ofRegion ? random.next() : 1 }
  return { fault, alone: random.chance(ALONE_SHARE) }
}

/** Faults of single nodes, which keep nobody from doing anything about a region or a store. */
const SMALL: ReadonlySet<FaultKind> = new Set(['kill', 'pause', 'clock-rate', 'compaction', 'disk-slow'])

/** Whether the step may come beside the ordeal. */
export function goesWith({ fault, alone }: Ordeal, step: FaultStep, world: SimWorld): boolean {
  const begin = fault.atMs - MARGIN_MS
  const end = fault.atMs + fault.forMs + MARGIN_MS
  if (step.atMs > end || step.atMs + step.forMs < begin) return true
  return !alone && SMALL.has(step.kind) && world.processes.get(step.target)?.kind !== 'server'
}
