/** A reproducible generator of numbers in [0, 1): mulberry32. Not for secrets. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}

/** `count` different items, or all when there are fewer. */
export function sampleOf<T>(items: readonly T[], count: number, random: () => number): readonly T[] {
  const pool = [...items]
  const taken = Math.min(count, pool.length)
  for (let i = 0; i < taken; i += 1) {
    const j = i + Math.floor(random() * (pool.length - i))
    const [a, b] = [pool[i], pool[j]]
    if (a === undefined || b === undefined) throw new Error('assertion: a sample reached past its pool')
    pool[i] = b
    pool[j] = a
  }
  return pool.slice(0, taken)
}
