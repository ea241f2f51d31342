import type { SimRandom } from '../kernel/random.ts'
import type { SimWorld } from '../world/world.ts'
import type { FaultKind, FaultStep } from './fault-step.ts'
import { drawOrdeal, goesWith } from './ordeal.ts'

/** How often each kind is drawn, relative to the others. */
const WEIGHTS: Readonly<Record<FaultKind, number>> = {
  kill: 6,
  pause: 6,
  'cut-one-way': 4,
  cut: 5,
  isolate: 4,
  'slow-link': 2,
  'lossy-link': 4,
  'clock-jump': 2,
  'clock-rate': 2,
  'clock-freeze': 1,
  'store-down': 4,
  compaction: 2,
  'disk-slow': 2,
  'disk-back': 0,
  storm: 1,
  'region-down': 1,
}

/** Mean time between two faults, ms. */
const GAP_MS = [1500, 5000] as const

/**
 * Faults of all kinds from the seed, within the failure model: clocks drift within the bound, at most one node of a
 * region is down or without its disk at a time by the nemesis' own doing (a storm aside), and everything ends. Most worlds
 * have one ordeal among them.
 */
export function drawSchedule(world: SimWorld, random: SimRandom): FaultStep[] {
  const { faultyMs } = world.profile
  const ordeal = drawOrdeal(world, random)
  const steps: FaultStep[] = ordeal === undefined ? [] : [ordeal.fault]
  const gapMs = random.between(...GAP_MS)
  // Runs differ in which kinds they have at all: few kinds at a time find what many drown.
  const kinds = (Object.entries(WEIGHTS) as [FaultKind, number][]).flatMap(([kind, weight]) =>
    random.chance(0.6) ? Array.from({ length: weight }, () => kind) : [],
  )
  if (kinds.length === 0) kinds.push('kill', 'pause')
  for (let atMs = random.between(0, gapMs); atMs < faultyMs; atMs += random.between(0.2, 1.8) * gapMs) {
    const drawn = stepOf(world, random, random.pick(kinds), Math.round(atMs))
    const step = { ...drawn, forMs: Math.min(drawn.forMs, Math.round(faultyMs - atMs)) }
    if (ordeal === undefined || goesWith(ordeal, step, world)) steps.push(step)
  }
  return steps
}

function stepOf(world: SimWorld, random: SimRandom, kind: FaultKind, atMs: number): FaultStep {
  const regions = world.plans.map(({ region }) => region)
  const processes = [...world.processes.values()]
  const nodes = processes.filter((process) => process.kind === 'node').map(({ name }) => name)
  const running = processes.filter((process) => process.kind !== 'client').map(({ name }) => name)
  const span = (min: number, max: number): number => Math.round(random.between(min, max))
  const pair = (): string => {
    const from = random.pick(regions)
    return `${from}>${random.pick(regions.filter((region) => region !== from))}`
  }
  switch (kind) {
    case 'kill':
      return { kind, atMs, forMs: span(300, 12_000), target: random.pick(running), amount: random.next() }
    case 'pause':
      return { kind, atMs, forMs: span(200, 12_000), target: random.pick(running), amount: 0 }
    case 'cut-one-way':
      return { kind, atMs, forMs: span(500, 14_000), target: pair(), amount: 0 }
    case 'cut': {
      const [a, b] = random.chance(0.5) ? pair().split('>') : [random.pick(running), random.pick(running)]
      return { kind, atMs, forMs: span(500, 14_000), target: `${a}>${b}`, amount: 0 }
    }
    case 'isolate': {
      const target = random.chance(0.25) ? random.pick(regions) : random.pick(running)
      return { kind, atMs, forMs: span(500, 14_000), target, amount: 0 }
    }
    case 'slow-link':
      return { kind, atMs, forMs: span(1000, 12_000), target: pair(), amount: span(50, 1500) }
    case 'lossy-link': {
      const inside = random.chance(0.5) ? random.pick(regions) : undefined
      const target = inside === undefined ? pair() : `${inside}>${inside}`
      return { kind, atMs, forMs: span(1000, 15_000), target, amount: random.between(0.02, 0.25) }
    }
    case 'clock-jump': {
      const sign = random.chance(0.5) ? 1 : -1
      return { kind, atMs, forMs: span(500, 9000), target: random.pick(running), amount: sign * span(50, 8000) }
    }
    case 'clock-rate':
      return {
        kind,
        atMs,
        forMs: span(5000, 30_000),
        target: random.pick(running),
        amount: random.between(0.991, 1.009),
      }
    case 'clock-freeze':
      return { kind, atMs, forMs: span(500, 9000), target: random.pick(nodes), amount: random.int(2) }
    case 'store-down':
      return {
        kind,
        atMs,
        forMs: span(500, 12_000),
        target: random.pick(['g', ...regions]),
        amount: random.chance(0.3) ? 1 : 0,
      }
    case 'compaction':
      return { kind, atMs, forMs: 0, target: random.pick(['g', ...regions]), amount: 0 }
    case 'disk-slow':
      return { kind, atMs, forMs: span(1000, 10_000), target: random.pick(nodes), amount: span(50, 2500) }
    case 'disk-back':
      return { kind, atMs, forMs: span(500, 4000), target: random.pick(nodes), amount: 0 }
    case 'region-down':
      // Long enough to be taken over, now and then.
      return { kind, atMs, forMs: span(4000, 26_000), target: random.pick(regions), amount: random.next() }
    case 'storm':
      return { kind, atMs, forMs: span(500, 5000), target: random.pick(regions), amount: random.next() }
  }
}
