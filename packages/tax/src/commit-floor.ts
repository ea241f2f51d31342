/** Round trip between two regions, ms; 0 for a region and itself. */
export type RttLookup = (a: string, b: string) => number

/**
 * Q(leader): the round trip, ms, to the nearest other voters that make a majority with the leader. No commit by
 * majority ends sooner after the leader has the request; 0 when the leader alone is the majority.
 */
export function quorumRttMs(leader: string, voters: readonly string[], rtt: RttLookup): number {
  if (!voters.includes(leader))
    throw new Error(`assertion: leader ${leader} is not among the voters ${voters.join(', ')}`)
  const others = voters.filter((voter) => voter !== leader)
  const needed = Math.floor(voters.length / 2)
  const nearest = others.map((voter) => rtt(leader, voter)).sort((a, b) => a - b)
  return needed === 0 ? 0 : (nearest[needed - 1] ?? 0)
}

/**
 * The least time, ms, from a client's send to its answer for one write through a leader: RTT(client, leader) + Q(leader).
 * A linearizable read through ReadIndex has the same floor. Fed with nominal round trips it is physics; fed with
 * calibrated ones it is what this lab can show, and only the latter may be compared with measurements taken in it.
 */
export function commitFloorMs(client: string, leader: string, voters: readonly string[], rtt: RttLookup): number {
  return rtt(client, leader) + quorumRttMs(leader, voters, rtt)
}
