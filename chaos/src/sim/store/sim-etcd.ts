import { MemoryCluster } from '@meridian/store/memory'
import type { StoreMember, StoreStatus } from '@meridian/store'
import { MeridianError, revision as revisionOf } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import { clockOf } from '../kernel/machine-clock.ts'
import { Machine } from '../kernel/machine.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { Scheduler, Timer } from '../kernel/scheduler.ts'
import { rttMs } from '../net/geography.ts'
import type { Links, Place } from '../net/links.ts'

export interface SimEtcdOptions {
  /** `g`, or a region. */
  readonly name: string
  readonly scheduler: Scheduler
  readonly links: Links
  readonly random: SimRandom
  /** A member of G is named after its region. */
  readonly members: readonly EtcdMember[]
  /** How long the rest needs to elect another leader once it has lost one. */
  readonly electionMs: readonly [min: number, max: number]
}

export interface EtcdMember extends Place {
  /** As its operator calls it. */
  readonly title: string
}

/** Smallest lease: one and a half election time-outs. */
const LEASE_MS_MIN = 1500

/**
 * One etcd cluster as its users meet it: a leader somewhere, writes that cost the way to it and to a majority, members
 * that apply later, and nothing at all while no majority is connected. What is committed is one history, as Raft has it;
 * whether a write that was under way when the leader went is in it, is drawn.
 */
export class SimEtcd {
  readonly name: string
  readonly cluster: MemoryCluster
  readonly members: readonly EtcdMember[]
  readonly counts = { elections: 0, lost: 0 }
  readonly #options: SimEtcdOptions
  /** Leases run out on a clock that stands while nobody leads: a new leader gives every lease time again. */
  readonly #leaseClock: Machine
  readonly #down = new Set<string>()
  /** Revisions with the true time of their commit, oldest first. */
  readonly #commits: { readonly atMs: number; readonly revision: Revision }[] = []
  readonly #watchers = new Set<() => void>()
  /** Up to where a member that lost its leader had come. */
  readonly #stuckAt = new Map<string, Revision>()
  #leader: EtcdMember | undefined
  #term = 1n
  #electing: Timer | undefined

  constructor(options: SimEtcdOptions) {
    this.#options = options
    this.name = options.name
    this.members = options.members
    this.#leaseClock = new Machine(options.scheduler, `leases of ${options.name}`, 0, 0)
    this.cluster = new MemoryCluster({
      clock: clockOf(this.#leaseClock, (event) => event()),
      leaseTtlMsMin: LEASE_MS_MIN,
      members: options.members.map(({ title }) => title),
    })
    this.#leader = options.members[0]
    options.links.onChange(() => this.#look())
    void this.#announce()
  }

  get leader(): EtcdMember | undefined {
    return this.#leader
  }

  get term(): bigint {
    return this.#term
  }

  /** Called after each commit, and when members, leader or links have changed. */
  onChange(told: () => void): () => void {
    this.#watchers.add(told)
    return () => this.#watchers.delete(told)
  }

  isUp(member: EtcdMember): boolean {
    return !this.#down.has(member.name)
  }

  /** Data stay; a majority of them down is a loss of quorum. */
  stopMember(member: EtcdMember): void {
    this.#down.add(member.name)
    this.#look()
  }

  startMember(member: EtcdMember): void {
    this.#down.delete(member.name)
    this.#look()
  }

  moveLeader(title: string): void {
    const target = this.members.find((member) => member.title === title)
    if (target === undefined) throw new MeridianError('INVALID_ARGUMENT', `${title} is no voter.`)
    if (target === this.#leader || !this.#hasQuorum(target)) return
    this.#lead(target)
  }

  /** One round trip from the leader to the nearest majority, ms; undefined while there is none. */
  quorumMs(leader: EtcdMember): number | undefined {
    const others = this.#peers(leader)
    const needed = Math.floor(this.members.length / 2)
    if (others.length < needed) return undefined
    const trips = others.map((other) => rttMs(leader.region, other.region)).toSorted((a, b) => a - b)
    return needed === 0 ? 0.2 : (trips[needed - 1] ?? 0)
  }

  /** What a member has applied by now: the leader's commits, as late as they travel. */
  appliedAt(member: EtcdMember): Revision {
    const leader = this.#leader
    const { scheduler, links } = this.#options
    const head = this.cluster.settled().revision
    if (member === leader) return head
    const stuck = this.#stuckAt.get(member.name)
    if (stuck !== undefined) return stuck
    if (leader === undefined || !links.passes(leader, member)) return head
    const upToMs = scheduler.nowMs - rttMs(leader.region, member.region) / 2
    const commit = this.#commits.findLast(({ atMs }) => atMs <= upToMs)
    return commit?.revision ?? revisionOf(1)
  }

  /** Whether what the leader commits reaches the member. */
  follows(member: EtcdMember): boolean {
    return this.isUp(member) && !this.#stuckAt.has(member.name) && this.#leader !== undefined
  }

  statusOf(member: EtcdMember): StoreStatus {
    const revision = this.appliedAt(member)
    return {
      leader: this.#leader?.title,
      memberId: member.title,
      raftTerm: this.#term,
      raftIndex: revision,
      revision,
      version: 'simulated',
      endpoint: member.name,
    }
  }

  listMembers(asked: (member: EtcdMember) => boolean): StoreMember[] {
    return this.members.map((member) => ({
      memberId: member.title,
      name: member.title,
      learner: false,
      status: this.isUp(member) && asked(member) ? this.statusOf(member) : undefined,
    }))
  }

  async #announce(): Promise<void> {
    const never = new AbortController().signal
    let told = 0n
    for (;;) {
      const { revision } = this.cluster
      if (revision > told) {
        told = revision
        this.#commits.push({ atMs: this.#options.scheduler.nowMs, revision })
        // What no member lags behind is of no use.
        if (this.#commits.length > 4096) this.#commits.splice(0, 2048)
        for (const watcher of this.#watchers) watcher()
      }
      await this.cluster.bell.wait(never)
    }
  }

  #peers(of: EtcdMember): EtcdMember[] {
    const { links } = this.#options
    return this.members.filter((other) => other !== of && this.isUp(other) && links.connected(of, other))
  }

  #hasQuorum(member: EtcdMember): boolean {
    return this.isUp(member) && this.#peers(member).length + 1 > this.members.length / 2
  }

  /** Members or links have changed. */
  #look(): void {
    const leader = this.#leader
    if (leader !== undefined && !this.#hasQuorum(leader)) {
      this.#noteStuck(leader)
      this.#leader = undefined
      this.counts.lost += 1
      this.#leaseClock.freeze('unseen')
    } else if (leader !== undefined) {
      this.#noteStuck(leader)
    }
    if (this.#leader === undefined) this.#elect()
    for (const watcher of this.#watchers) watcher()
  }

  #elect(): void {
    const { scheduler, random, electionMs } = this.#options
    if (this.#electing !== undefined || !this.members.some((member) => this.#hasQuorum(member))) return
    this.#electing = scheduler.after(random.between(...electionMs), `election of ${this.name}`, () => {
      this.#electing = undefined
      if (this.#leader !== undefined) return
      const able = this.members.filter((member) => this.#hasQuorum(member))
      if (able.length > 0) this.#lead(random.pick(able))
    })
  }

  #lead(member: EtcdMember): void {
    this.#leader = member
    this.#term += 1n
    this.counts.elections += 1
    this.#leaseClock.thaw()
    this.#noteStuck(member)
    for (const watcher of this.#watchers) watcher()
  }

  /** Remembers how far those had come that the leader no longer reaches, and forgets it of those it reaches again. */
  #noteStuck(leader: EtcdMember): void {
    const reached = new Set([leader, ...this.#peers(leader)].map(({ name }) => name))
    for (const member of this.members) {
      if (reached.has(member.name)) this.#stuckAt.delete(member.name)
      else if (!this.#stuckAt.has(member.name)) this.#stuckAt.set(member.name, this.#appliedBefore(leader, member))
    }
  }

  #appliedBefore(leader: EtcdMember, member: EtcdMember): Revision {
    const upToMs = this.#options.scheduler.nowMs - rttMs(leader.region, member.region) / 2
    return this.#commits.findLast(({ atMs }) => atMs <= upToMs)?.revision ?? revisionOf(1)
  }
}
