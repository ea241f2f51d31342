import type { StoreMember } from '@meridian/store'
import type { VoterHealth } from '@meridian/tax'

/** Entries that a follower may be behind before it is no heir: a second of the tier's busiest day. */
export const LAG_ENTRIES_MAX = 1000n
/** Looks in a row without an answer until a voter counts as missing; the first one makes it suspect. */
export const SILENT_LOOKS_MAX = 3

export interface Voters {
  readonly health: ReadonlyMap<string, VoterHealth>
  /** Region of the leader that the members with the newest term name. */
  readonly leader: string | undefined
  readonly memberOf: ReadonlyMap<string, string>
}

/** Judges the voters look by look; a member whose name tells no region is left out, since nobody could place by it. */
export class VoterWatch {
  readonly #regionOf: (memberName: string) => string | undefined
  readonly #silentLooks = new Map<string, number>()

  constructor(regionOf: (memberName: string) => string | undefined) {
    this.#regionOf = regionOf
  }

  /** @param draining regions that are being emptied: their voters lead no longer than they must */
  look(members: readonly StoreMember[], draining: ReadonlySet<string> = new Set()): Voters {
    const statuses = members.flatMap(({ status }) => (status === undefined ? [] : [status]))
    const newestIndex = statuses.reduce((most, { raftIndex }) => (raftIndex > most ? raftIndex : most), 0n)
    const health = new Map<string, VoterHealth>()
    const memberOf = new Map<string, string>()
    for (const { memberId, name, learner, status } of members) {
      const region = this.#regionOf(name)
      if (learner || region === undefined) continue
      memberOf.set(region, memberId)
      const silent = status === undefined ? (this.#silentLooks.get(region) ?? 0) + 1 : 0
      this.#silentLooks.set(region, silent)
      if (silent >= SILENT_LOOKS_MAX) health.set(region, 'missing')
      // Above what is only doubted: a leader that drains is left even while somebody did not hear from it.
      else if (draining.has(region)) health.set(region, 'draining')
      else if (status === undefined) health.set(region, 'suspect')
      else health.set(region, newestIndex - status.raftIndex > LAG_ENTRIES_MAX ? 'lagging' : 'healthy')
    }
    const [newest] = statuses.toSorted((a, b) => (a.raftTerm < b.raftTerm ? 1 : a.raftTerm > b.raftTerm ? -1 : 0))
    const leader = [...memberOf].find(([, memberId]) => memberId === newest?.leader)?.[0]
    return { health, leader, memberOf }
  }
}
