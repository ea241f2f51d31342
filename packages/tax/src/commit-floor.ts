/** Round trip between two regions, ms; 0 for a region and itself. */
export type RttLookup = (a: string, b: string) => number

/**
 * Q(leader): the round trip, ms, to the nearest other voters that make a majority with the leader. No commit by
 * majority ends sooner after the leader has the request; 0 when the leader alone is the majority.
 */
export function quorumRttMs(leader: string, voters: readonly string[], rtt: RttLookup): number {
  const quorumMs = quorumWithoutMs([], leader, voters, rtt)
  if (quorumMs === undefined) throw new Error('assertion: all voters are no majority')
  return quorumMs
}

/**
 * The least time, ms, from a client's send to its answer for one write through a leader: RTT(client, leader) + Q(leader).
 * A linearizable read through ReadIndex has the same floor. Fed with nominal round trips it is physics; fed with
 * calibrated ones it is what this lab can show, and only the latter may be compared with measurements taken in it.
 */
export function commitFloorMs(client: string, leader: string, voters: readonly string[], rtt: RttLookup): number {
  return rtt(client, leader) + quorumRttMs(leader, voters, rtt)
}

/**
 * Q(leader), ms, while the voters `down` do not answer. They still count: a majority is one of all voters until the
 * membership is changed. Absent when the leader is down or the rest is no majority, so that nothing commits.
 */
export function quorumWithoutMs(
  down: readonly string[],
  leader: string,
  voters: readonly string[],
  rtt: RttLookup,
): number | undefined {
  if (!voters.includes(leader))
    throw new Error(`assertion: leader ${leader} is not among the voters ${voters.join(', ')}`)
  if (down.includes(leader)) return undefined
  const others = voters.filter((voter) => voter !== leader && !down.includes(voter))
  const needed = Math.floor(voters.length / 2)
  const nearest = others.map((voter) => rtt(leader, voter)).sort((a, b) => a - b)
  return needed === 0 ? 0 : nearest[needed - 1]
}

/** The commit floor, ms, while the voters `down` do not answer; absent when nothing commits, see `quorumWithoutMs`. */
export function floorWithout(
  down: readonly string[],
  client: string,
  leader: string,
  voters: readonly string[],
  rtt: RttLookup,
): number | undefined {
  const quorumMs = quorumWithoutMs(down, leader, voters, rtt)
  return quorumMs === undefined ? undefined : rtt(client, leader) + quorumMs
}
