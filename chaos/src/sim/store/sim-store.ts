import { checkTxn } from '@meridian/store'
import type {
  LeaseId,
  Listing,
  ListOptions,
  ReadOptions,
  Store,
  StoreLease,
  StoreMember,
  StoreRecord,
  StoreStatus,
  Txn,
  TxnOutcome,
  WatchEvent,
  WatchOptions,
} from '@meridian/store'
import { MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import type { Life } from '../kernel/process.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import { rttMs } from '../net/geography.ts'
import type { Links } from '../net/links.ts'
import type { Bends } from '../world/bends.ts'
import type { EtcdMember, SimEtcd } from './sim-etcd.ts'
import { SimWatch } from './sim-watch.ts'

/** What the etcd client of the program waits for an answer, and for a connection. */
const REQUEST_MS_MAX = 5000
const CONNECT_MS_MAX = 1500

/** What one process asked of a store and was answered; for who records. */
export interface StoreTap {
  sent(life: Life, txn: Txn): void
  /** The store has come to an outcome; `txn` is what was asked for. */
  decided(store: string, txn: Txn, outcome: TxnOutcome): void
  answered(life: Life, store: string, txn: Txn, outcome: TxnOutcome, sentLocalMs: number): void
  read(life: Life, store: string, key: string, record: StoreRecord | undefined): void
}

export interface SimStoreOptions {
  readonly etcd: SimEtcd
  readonly life: Life
  readonly scheduler: Scheduler
  readonly links: Links
  readonly random: SimRandom
  readonly tap: StoreTap | undefined
  readonly bends: Bends
}

/** A process's client of a simulated etcd. */
export class SimStore implements Store {
  readonly #options: SimStoreOptions
  readonly #closed = new AbortController()

  constructor(options: SimStoreOptions) {
    this.#options = options
  }

  async get(key: string, options: ReadOptions = {}): Promise<StoreRecord | undefined> {
    const { etcd, life, tap } = this.#options
    const record = await this.#read(options, (applied) => etcd.cluster.history.at(key, applied))
    if (options.consistency !== 'local') tap?.read(life, etcd.name, key, record)
    return record
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Listing> {
    const { etcd, life, tap } = this.#options
    const listing = await this.#read(options, (applied) => {
      const revision = options.revision ?? applied ?? etcd.cluster.settled().revision
      if (applied !== undefined && revision > applied) throw new MeridianError('UNAVAILABLE', 'not applied here yet')
      return { records: etcd.cluster.settled().list(prefix, revision), revision }
    })
    if (options.consistency !== 'local' && tap !== undefined)
      for (const record of listing.records) tap.read(life, etcd.name, record.key, record)
    return listing
  }

  async txn(txn: Txn, signal?: AbortSignal): Promise<TxnOutcome> {
    checkTxn(txn)
    const { etcd, life, tap, bends } = this.#options
    const sentLocalMs = life.clock.nowMs()
    tap?.sent(life, txn)
    const delayMs = bends.txnDelayMs?.(life, etcd.name, txn) ?? 0
    if (delayMs > 0) await life.clock.sleep(delayMs, signal)
    const bent = bends.txn?.(life, etcd.name, txn) ?? txn
    const apply = (): TxnOutcome => {
      const decided = etcd.cluster.apply(bent)
      tap?.decided(etcd.name, txn, decided)
      return decided
    }
    const outcome = bends.outcome?.(life, etcd, txn) ?? (await this.#write(apply, signal))
    tap?.answered(life, etcd.name, txn, outcome, sentLocalMs)
    return outcome
  }

  watch(options: WatchOptions): AsyncIterable<WatchEvent> {
    const { etcd, life, scheduler, links, random } = this.#options
    return new SimWatch({ ...options, etcd, life, scheduler, links, random, closed: this.#closed.signal })
  }

  grantLease(ttlMs: number, signal?: AbortSignal): Promise<StoreLease> {
    return this.#write(() => this.#options.etcd.cluster.grantLease(ttlMs), signal)
  }

  renewLease(id: LeaseId, signal?: AbortSignal): Promise<number | undefined> {
    return this.#write(() => this.#options.etcd.cluster.renewLease(id), signal)
  }

  revokeLease(id: LeaseId, signal?: AbortSignal): Promise<void> {
    return this.#write(() => this.#options.etcd.cluster.endLease(id), signal)
  }

  status(signal?: AbortSignal): Promise<StoreStatus> {
    const { etcd, bends } = this.#options
    return this.#read({ consistency: 'local', ...(signal && { signal }) }, (_, member) => {
      const status = etcd.statusOf(member)
      return bends.termOf === undefined ? status : { ...status, raftTerm: bends.termOf(etcd) }
    })
  }

  members(signal?: AbortSignal): Promise<readonly StoreMember[]> {
    const { etcd, links, life } = this.#options
    return this.#read({ consistency: 'local', ...(signal && { signal }) }, () =>
      etcd.listMembers((member) => links.connected(life.process, member)),
    )
  }

  moveLeader(memberId: string, signal?: AbortSignal): Promise<void> {
    return this.#write(() => this.#options.etcd.moveLeader(memberId), signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('closed'))
    return Promise.resolve()
  }

  /** @param answer called where and when the read takes place, with what is applied there if it is a local one */
  #read<T>(
    { consistency, signal }: ReadOptions,
    answer: (applied: ReturnType<SimEtcd['appliedAt']> | undefined, member: EtcdMember) => T,
  ): Promise<T> {
    const { etcd, life, bends } = this.#options
    return this.#call(signal, 'UNAVAILABLE', (member, reply) => {
      if (consistency === 'local') {
        if (etcd.isUp(member)) reply(() => answer(etcd.appliedAt(member), member), member)
        return
      }
      const at = bends.readAt?.(life, etcd) as Revision | undefined
      if (etcd.leader === undefined && bends.readsWithoutLeader === true) reply(() => answer(at, member), member)
      this.#atLeader(member, (leader) => reply(() => answer(at, member), leader))
    })
  }

  #write<T>(effect: () => T, signal: AbortSignal | undefined): Promise<T> {
    return this.#call(signal, 'OUTCOME_UNKNOWN', (member, reply) => {
      this.#atLeader(member, (leader) => reply(effect, leader))
    })
  }

  /** At the leader, once a majority has what is asked for; never, when nobody leads by then and the draw is against it. */
  #atLeader(member: EtcdMember, then: (leader: EtcdMember) => void): void {
    const { etcd, scheduler, links, random } = this.#options
    const { leader } = etcd
    if (leader === undefined || !etcd.isUp(member) || !links.passes(member, leader)) return
    const quorumMs = etcd.quorumMs(leader)
    if (quorumMs === undefined) return
    const wayMs = member === leader ? 0 : links.delayMs(member, leader)
    const { term } = etcd
    scheduler.after(wayMs + quorumMs, `commit at ${etcd.name}`, () => {
      // Under way when the leader went: in the log of the next one, or not.
      if (etcd.leader !== leader || etcd.term !== term) {
        if (etcd.leader === undefined || random.chance(0.5)) return
      }
      then(etcd.leader)
    })
  }

  #call<T>(
    signal: AbortSignal | undefined,
    unanswered: 'UNAVAILABLE' | 'OUTCOME_UNKNOWN',
    run: (member: EtcdMember, reply: (effect: () => T, from: EtcdMember) => void) => void,
  ): Promise<T> {
    const { etcd, life, scheduler, links } = this.#options
    const { process, clock } = life
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      if (this.#closed.signal.aborted) {
        reject(new MeridianError('UNAVAILABLE', 'The store is closed.'))
        return
      }
      let settled = false
      const settle = (end: () => void): void => {
        if (settled) return
        settled = true
        cutTimer()
        signal?.removeEventListener('abort', abort)
        end()
      }
      const member = this.#nearest()
      const wait = member === undefined ? CONNECT_MS_MAX : REQUEST_MS_MAX
      const code = member === undefined ? 'UNAVAILABLE' : unanswered
      const cutTimer = process.machine.wakeAt(clock.nowMs() + wait, () =>
        life.deliver(() =>
          settle(() => reject(new MeridianError(code, `The store of ${etcd.name} did not answer in time.`))),
        ),
      )
      const abort = (): void =>
        settle(() =>
          reject(
            unanswered === 'OUTCOME_UNKNOWN' && member !== undefined
              ? new MeridianError('OUTCOME_UNKNOWN', 'The caller gave up on a write that was sent.')
              : signal?.reason,
          ),
        )
      signal?.addEventListener('abort', abort, { once: true })
      if (member === undefined || !life.alive || links.loses(process, member)) return
      const reply = (effect: () => T, from: EtcdMember): void => {
        let answer: () => void
        try {
          const value = effect()
          answer = () => resolve(value)
        } catch (error) {
          answer = () => reject(error instanceof Error ? error : new Error(String(error)))
        }
        const ways: readonly (readonly [typeof from, EtcdMember | Life['process']])[] =
          from === member
            ? [[member, process]]
            : [
                [from, member],
                [member, process],
              ]
        if (!etcd.isUp(member) || !ways.every(([a, b]) => links.passes(a, b) && !links.loses(a, b))) return
        const ms = ways.reduce((sum, [a, b]) => sum + links.delayMs(a, b), 0)
        scheduler.after(ms, `answer of ${etcd.name}`, () => life.deliver(() => settle(answer)))
      }
      scheduler.after(links.delayMs(process, member), `to ${etcd.name}`, () => run(member, reply))
    })
  }

  /** The nearest member that answers at all, rather one that sees the leader. */
  #nearest(): EtcdMember | undefined {
    const { etcd, links, life } = this.#options
    const { process } = life
    const reachable = etcd.members
      .filter((member) => etcd.isUp(member) && links.connected(process, member))
      .toSorted((a, b) => rttMs(process.region, a.region) - rttMs(process.region, b.region))
    return reachable.find((member) => etcd.follows(member)) ?? reachable[0]
  }
}
