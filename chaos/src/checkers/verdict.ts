/**
 * - `valid`: there was something to check, and all of it held.
 * - `invalid`: something recorded contradicts the claim.
 * - `unknown`: nothing to check, or not enough to say. Never a pass.
 */
export interface Verdict {
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  /** One line: what was found, or what is missing. */
  readonly why: string
  readonly counts: Readonly<Record<string, number>>
}

/** Violations told in full; the others are only counted. */
const TOLD_MAX = 3

/**
 * Gathers what contradicts a claim and what is missing to judge it, and says so in the end. Violations weigh more than
 * gaps: a claim that was seen broken is broken however little else was seen.
 */
export class Findings {
  readonly #violations: string[] = []
  readonly #gaps: string[] = []

  violation(text: string): void {
    this.#violations.push(text)
  }

  gap(text: string): void {
    this.#gaps.push(text)
  }

  /** @param held what to say when all of it held */
  verdict(held: string, counts: Readonly<Record<string, number>>): Verdict {
    const all = { ...counts, violations: this.#violations.length }
    if (this.#violations.length > 0) return { verdict: 'invalid', why: told(this.#violations), counts: all }
    if (this.#gaps.length > 0) return { verdict: 'unknown', why: told(this.#gaps), counts: all }
    return { verdict: 'valid', why: held, counts: all }
  }
}

function told(texts: readonly string[]): string {
  const more = texts.length - TOLD_MAX
  return texts.slice(0, TOLD_MAX).join('; ') + (more > 0 ? `; and ${more} more` : '')
}
