/** Numbers drawn from a seed. Each part of a world has a stream of its own, so that a change in one leaves the others. */
export class SimRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1): mulberry32. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number in [0, n). */
  int(n: number): number {
    return Math.floor(this.next() * n)
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick from an empty array')
    // In bounds by construction, and an element may itself be `undefined`: no check can stand in for the cast.
    return items[this.int(items.length)] as T
  }

  /** A stream that depends on this one's seed and the name, not on what was drawn. */
  static of(seed: number, name: string): SimRandom {
    let hash = (0x811c9dc5 ^ seed) >>> 0
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
    return new SimRandom(hash)
  }
}
