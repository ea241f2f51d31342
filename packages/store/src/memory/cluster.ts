import type { Clock } from '@meridian/loop'
import { systemClock } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import type { LeaseId, StoreLease, StoreMember, StoreStatus, Txn, TxnOutcome } from '../store.ts'
import { Bell } from './bell.ts'
import { History } from './history.ts'
import { Leases } from './lease.ts'
import { applyTxn } from './txn.ts'

export interface MemoryClusterOptions {
  /** Counts the leases. Default: the system's. */
  readonly clock?: Clock
  /** Smallest TTL granted, whatever is asked for, as etcd's is 1.5 election time-outs. Default 0. */
  readonly leaseTtlMsMin?: number
  /** Names of the members; the first leads, and every client is nearest to it. Default: one, 'memory'. */
  readonly members?: readonly string[]
}

/** What a test may change of one member; its id is its name. */
export interface MemoryMember {
  readonly name: string
  learner: boolean
  /** Asked directly, it does not answer. */
  silent: boolean
  /** Entries it is behind. */
  behind: bigint
}

/** What the members of one cluster have in common. Many `MemoryStore`s, one per process of a test, talk to it. */
export class MemoryCluster implements AsyncDisposable {
  readonly history = new History()
  /** Rung at every change of the history and of a client's fortune. */
  readonly bell = new Bell()
  readonly members: readonly MemoryMember[]
  readonly #leases: Leases
  #leader: string
  #raftTerm = 1n

  constructor(options: MemoryClusterOptions = {}) {
    this.members = (options.members ?? ['memory']).map((name) => ({ name, learner: false, silent: false, behind: 0n }))
    this.#leader = this.nearest
    this.#leases = new Leases(options.clock ?? systemClock, options.leaseTtlMsMin ?? 0, (keys) => {
      this.history.commit(keys.map((key) => ({ key, value: undefined })))
      this.bell.ring()
    })
  }

  get revision(): Revision {
    return this.history.revision
  }

  /** Name of the member that every client asks. */
  get nearest(): string {
    const [first] = this.members
    if (first === undefined) throw new Error('assertion: a cluster without members')
    return first.name
  }

  get leader(): string {
    return this.#leader
  }

  statusOf(name: string): StoreStatus {
    const { revision } = this.settled()
    return {
      leader: this.#leader,
      memberId: name,
      raftTerm: this.#raftTerm,
      raftIndex: revision - (this.members.find((member) => member.name === name)?.behind ?? 0n),
      revision,
      version: 'memory',
      endpoint: 'memory:',
    }
  }

  listMembers(): StoreMember[] {
    return this.members.map(({ name, learner, silent }) => ({
      memberId: name,
      name,
      learner,
      status: silent ? undefined : this.statusOf(name),
    }))
  }

  moveLeader(name: string): void {
    const target = this.members.find((member) => member.name === name)
    if (target === undefined || target.learner) throw new MeridianError('INVALID_ARGUMENT', `${name} is no voter.`)
    if (name === this.#leader) return
    this.#leader = name
    this.#raftTerm += 1n
  }

  /** History below `revision` is gone afterwards. */
  compact(revision: Revision): void {
    this.history.compact(revision)
    this.bell.ring()
  }

  apply(txn: Txn): TxnOutcome {
    this.#leases.endDue()
    const outcome = applyTxn(this.history, this.#leases, txn)
    this.bell.ring()
    return outcome
  }

  /** What a read sees has no lease that is over. */
  settled(): History {
    this.#leases.endDue()
    return this.history
  }

  grantLease(ttlMs: number): StoreLease {
    return this.#leases.grant(ttlMs)
  }

  renewLease(id: LeaseId): number | undefined {
    return this.#leases.renew(id)
  }

  endLease(id: LeaseId): void {
    this.#leases.end(id)
  }

  /** Ends the waiting for leases; data stay readable. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leases.close()
  }
}
