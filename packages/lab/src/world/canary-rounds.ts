/**
 * Every pair once, in rounds whose pairs share no region (the circle method of tournaments): 3 rounds of 1 pair for three
 * regions, 5 rounds of 2 for five. So the canaries of a round run at once, and while a pair is cut every way around over
 * a third region is open: a leak of that kind shows, which it would not were all pairs cut together.
 */
export function canaryRounds(regions: readonly string[]): [string, string][][] {
  const seats: (string | undefined)[] = regions.length % 2 === 0 ? [...regions] : [...regions, undefined]
  const rounds: [string, string][][] = []
  for (let round = 1; round < seats.length; round++) {
    const pairs: [string, string][] = []
    for (let i = 0; i < seats.length / 2; i++) {
      const [a, b] = [seats[i], seats[seats.length - 1 - i]]
      if (a !== undefined && b !== undefined) pairs.push([a, b])
    }
    rounds.push(pairs)
    seats.splice(1, 0, seats.pop())
  }
  return rounds
}
