import { randomInt } from 'node:crypto'

/** A reproducible generator. Not for secrets. */
export interface SeededRandom {
  /** A number in [0, 1), in steps of 2^-32. */
  next(): number
  /** A whole number in [0, n); n from 1 to 2^32. */
  int(n: number): number
  /** One element; throws on an empty array. */
  pick<T>(items: readonly T[]): T
}

const SEED_END = 2 ** 32
let processSeed: number | undefined

/**
 * The seed of this test process: `MERIDIAN_SEED` if set, else random; printed to stderr when first asked for.
 * With a name, a seed derived from both, so that a test keeps its sequence when its neighbours are skipped.
 * A whole number in [0, 2^32).
 */
export function seedOf(name?: string): number {
  if (processSeed === undefined) {
    processSeed = readSeed() ?? randomInt(SEED_END)
    process.stderr.write(`MERIDIAN_SEED=${processSeed}\n`)
  }
  return name === undefined ? processSeed : mixed(processSeed, name)
}

/** mulberry32: 32 bits of state, each seed its own sequence of period 2^32. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / SEED_END
  }
  const int = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > SEED_END) throw new RangeError(`int(${n}): n must be in 1..2^32`)
    return Math.floor(next() * n)
  }
  return {
    next,
    int,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('pick from an empty array')
      // In bounds by construction, and an element may itself be `undefined`: no check can stand in for the cast.
      return items[int(items.length)] as (typeof items)[number]
    },
  }
}

function readSeed(): number | undefined {
  const text = process.env['MERIDIAN_SEED']
  if (text === undefined || text === '') return undefined
  const seed = Number(text)
  if (!Number.isInteger(seed) || seed < 0 || seed >= SEED_END) {
    throw new Error(`MERIDIAN_SEED=${text}: expected a whole number in [0, 2^32)`)
  }
  return seed
}

/** FNV-1a over the name's UTF-16 units, begun at the seed. */
function mixed(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
  return hash
}
