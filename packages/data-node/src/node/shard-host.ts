import type { Clock, Logger } from '@meridian/loop'
import { compareTokens, formatToken, MeridianError, nodeId } from '@meridian/topology'
import type { NodeEpoch, NodeId, OperationId, ShardId, Token } from '@meridian/topology'
import type { ShardRole, ShardView } from '../fence/admit.ts'
import type { ReplicaAddress, ShardRecord } from '../fence/shard-record.ts'
import type { ReplicaBounds } from '../replica/bounds.ts'
import type { ConfirmedIndex } from '../replica/freshness.ts'
import type { LogPosition, WriteItem } from '../replica/log-entry.ts'
import type { ReplicaRequest, ReplicaResponse } from '../replica/replica-message.ts'
import type { Rules } from '../replica/rules.ts'
import { openReplica } from '../replica/replica-state.ts'
import type { Effect, ReplicaEvent, ReplicaState } from '../replica/replica-state.ts'
import type { ItemOutcome, ShardState } from '../replica/shard-state.ts'
import { barrierOf, step, wantsTicks } from '../replica/step.ts'
import { roleName } from '../replica/turn.ts'
import type { NodeStorage } from '../storage/node-storage.ts'
import type { ReplicaPeers } from './replica-peers.ts'
import type { ShardPosition, ShardStatus } from './shard-status.ts'
import { StaleReads } from './stale-reads.ts'

export interface ShardHostOptions {
  readonly shardId: ShardId
  readonly self: NodeId
  readonly storage: NodeStorage
  readonly peers: ReplicaPeers
  readonly clock: Clock
  readonly log: Logger
  readonly bounds: ReplicaBounds | undefined
  readonly rules: Rules | undefined
  /** `confirmedIndex` of a shard led here, with the region's authority looked at, as a quorum read does. */
  readonly confirm: (host: ShardHost) => Promise<ConfirmedIndex>
  /** A broken invariant; must end the process. */
  readonly onBroken: (error: unknown) => void
}

interface Waiting {
  readonly acknowledge: (outcomes: readonly ItemOutcome[]) => void
  readonly answerRead: () => void
  readonly reject: (error: MeridianError) => void
}

/** One shard's replica core with its disk, its peers and those who wait for it. */
export class ShardHost {
  readonly shardId: ShardId
  readonly #options: ShardHostOptions
  readonly #state: ReplicaState
  #newest: ShardRecord | undefined
  /** The region said that this node holds the shard no more; the log stays. */
  #removed = false
  #ended = false
  #quarantined: number
  /** Where those are reached that said so themselves: the leader of another region stands in no record of this one. */
  readonly #addresses = new Map<string, string>()
  /** Who feeds this replica, under the highest token so far. */
  #feeder: { readonly nodeId: string; readonly token: Token } | undefined
  readonly #staleReads: StaleReads
  #ids = 0
  readonly #waiting = new Map<number, Waiting>()
  readonly #replies = new Map<number, (response: ReplicaResponse) => void>()

  constructor(options: ShardHostOptions) {
    this.shardId = options.shardId
    this.#options = options
    const { bounds, rules } = options
    this.#state = openReplica(options.self, options.storage.load(options.shardId), {
      ...(bounds && { bounds }),
      ...(rules && { rules }),
    })
    this.#quarantined = options.storage.quarantined(options.shardId)
    this.#staleReads = new StaleReads({
      clock: options.clock,
      ask: () => this.#askLeader(),
      state: () => ({ agreed: this.#state.agreed, appliedIndex: this.#state.shard.appliedIndex }),
    })
  }

  /** For the door: what this node is to the shard right now. */
  get view(): ShardView | undefined {
    if (this.#newest === undefined) return undefined
    return { role: this.#role(), newest: this.#newest }
  }

  get newest(): ShardRecord | undefined {
    return this.#newest
  }

  /** Committed state; only a leader that passed the door may show it. */
  get shard(): ShardState {
    return this.#state.shard
  }

  get status(): ShardStatus {
    const { promised, log, commitIndex, shard } = this.#state
    return {
      shardId: this.shardId,
      role: this.#role(),
      token: this.#newest === undefined ? undefined : formatToken(this.#newest.token),
      promised: formatToken(promised),
      lastIndex: log.lastIndex,
      commitIndex,
      keys: shard.size,
      installing: this.#state.incoming !== undefined,
      quarantined: this.#quarantined,
    }
  }

  get position(): ShardPosition {
    const { promised, log, commitIndex, incoming } = this.#state
    const installing = incoming !== undefined
    return { promised, last: log.last, commitIndex, installing, quarantined: this.#quarantined, role: this.#role() }
  }

  /** The end of everything acknowledged under this leader, if it is frozen for `operation` and nothing is undecided. */
  barrier(operation: OperationId): LogPosition | undefined {
    return this.#role() === 'serving' ? barrierOf(this.#state, operation) : undefined
  }

  /** Whether the log holds, or held before it was trimmed, this very entry. */
  holds(position: LogPosition): boolean {
    return this.#state.log.matches(position)
  }

  /** To be called when the quarantine was changed from outside. */
  countQuarantine(): void {
    this.#quarantined = this.#options.storage.quarantined(this.shardId)
  }

  /** @param address where `from` says that it is dialled; empty when it does not say */
  fedBy(from: string, address: string, token: Token): void {
    if (address !== '') this.#addresses.set(from, address)
    if (this.#feeder === undefined || compareTokens(token, this.#feeder.token) >= 0)
      this.#feeder = { nodeId: from, token }
  }

  /** What is committed, and under which token, once a quorum has confirmed the token. @throws MeridianError */
  confirmedIndex(): Promise<ConfirmedIndex> {
    const { role } = this.#state
    if (role.kind !== 'leading') return Promise.reject(new MeridianError('NOT_LEADER', 'not the leader'))
    const { token } = role
    return this.quorumRead((state) => ({ token, index: state.appliedIndex }))
  }

  /**
   * Calls `evaluate` in a turn in which the state lacks nothing that was acknowledged more than `maxMs` ago.
   *
   * @throws MeridianError TOO_STALE
   */
  async staleRead<T>(
    maxMs: number,
    evaluate: (state: ShardState) => T,
  ): Promise<{ readonly value: T; readonly stalenessMs: number; readonly token: Token }> {
    const stalenessMs = await this.#staleReads.within(maxMs)
    return { value: evaluate(this.#state.shard), stalenessMs, token: this.#state.agreed ?? this.#state.promised }
  }

  /** Time may not have run as it should: nothing is known any more of how old the state is. */
  forgetFreshness(): void {
    this.#staleReads.forget()
  }

  /** True while time alone may require something of this replica. */
  get wantsTicks(): boolean {
    return wantsTicks(this.#state)
  }

  /** Whether the record makes this life of the node begin to lead what it does not lead under any token. */
  wouldRise(record: ShardRecord, life: NodeEpoch): boolean {
    return this.#state.role.kind === 'follower' && this.#leads(record, life)
  }

  /** Takes over a record unless a newer one is held; leadership counts for this very life of the node only. */
  learn(record: ShardRecord, life: NodeEpoch): void {
    const order = this.#newest === undefined ? 1 : compareTokens(record.token, this.#newest.token)
    if (order < 0) return
    // An equal token is the same decision, perhaps with addresses and learners that have become known since. An older
    // record of it may take learners away for a while, and no more: what is frozen is decided with the token.
    this.#newest = record
    this.#removed = false
    const ids = (replicas: readonly ReplicaAddress[]): NodeId[] => replicas.map((replica) => replica.nodeId)
    this.#step({
      kind: 'assign',
      token: record.token,
      leads: this.#leads(record, life),
      members: { replicas: ids(record.replicas), prior: record.prior === undefined ? undefined : ids(record.prior) },
      freeze: record.freeze,
      learners: ids(record.learners),
    })
  }

  remove(): void {
    this.#removed = true
    this.stepDown()
  }

  /** Ends whatever leadership there is, at once. */
  stepDown(): void {
    const { role } = this.#state
    if (role.kind === 'follower') return
    const { token, members, freeze, learners } = role
    this.#step({ kind: 'assign', leads: false, token, members, freeze, learners })
  }

  /** @throws MeridianError OUTCOME_UNKNOWN once the write is in the log, other codes when it surely is not */
  write(
    session: string,
    items: readonly WriteItem[],
    acknowledged: () => MeridianError | undefined,
  ): Promise<readonly ItemOutcome[]> {
    return new Promise((resolve, reject) => {
      const id = this.#await({
        acknowledge: (outcomes) => {
          const refused = acknowledged()
          if (refused === undefined) resolve(outcomes)
          else reject(refused)
        },
        answerRead: () => {},
        reject,
      })
      this.#step({ kind: 'write', id, session, items })
    })
  }

  /** Calls `evaluate` in the turn in which a quorum has confirmed the token. */
  quorumRead<T>(evaluate: (state: ShardState) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const id = this.#await({
        acknowledge: () => {},
        answerRead: () => {
          try {
            resolve(evaluate(this.#state.shard))
          } catch (error) {
            reject(error)
          }
        },
        reject,
      })
      this.#step({ kind: 'read', id })
    })
  }

  replicaRequest(from: NodeId | undefined, request: ReplicaRequest): Promise<ReplicaResponse> {
    return new Promise((resolve) => {
      const id = ++this.#ids
      this.#replies.set(id, resolve)
      this.#step({ kind: 'request', id, from, request })
    })
  }

  tick(): void {
    this.#step({ kind: 'tick' })
  }

  /** Nothing is stepped, sent or answered any more; who still waits is told "unknown". */
  end(): void {
    this.#ended = true
    for (const waiting of this.#waiting.values())
      waiting.reject(new MeridianError('OUTCOME_UNKNOWN', 'the node is shutting down'))
    this.#waiting.clear()
  }

  #await(waiting: Waiting): number {
    const id = ++this.#ids
    this.#waiting.set(id, waiting)
    return id
  }

  #leads({ leader }: ShardRecord, life: NodeEpoch): boolean {
    return leader?.nodeId === this.#options.self && leader.nodeEpoch === life
  }

  #role(): ShardRole {
    if (this.#removed || this.#newest === undefined) return 'none'
    const name = roleName(this.#state.role)
    if (name === 'serving' || name === 'follower') return name
    return 'sealing'
  }

  #step(event: ReplicaEvent): void {
    if (this.#ended) return
    let effects: Effect[]
    try {
      effects = step(this.#state, event, this.#options.clock.nowMs())
    } catch (error) {
      // A core that broke an invariant must not take another step, and nobody may get an answer from it.
      this.#ended = true
      this.#options.log.error({ err: error, shard: this.shardId }, 'invariant broken')
      this.#options.onBroken(error)
      return
    }
    for (const effect of effects) this.#perform(effect)
    this.#staleReads.moved()
  }

  #perform(effect: Effect): void {
    const { storage, log } = this.#options
    switch (effect.kind) {
      case 'persist':
        void storage
          .write(this.shardId, effect.write)
          .then(() => this.#persisted(effect.ticket, effect.write.quarantine.length > 0))
        return
      case 'stage':
        void storage.stage(this.shardId, effect.id, effect.piece)
        return
      case 'trim':
        void storage.checkpoint(this.shardId, this.#state.shard.takeDirty(), effect.base)
        return
      case 'send':
        this.#send(effect.to, effect.request)
        return
      case 'reply': {
        const resolve = this.#replies.get(effect.id)
        this.#replies.delete(effect.id)
        if (resolve === undefined) return
        if (effect.durable) void storage.settled().then(() => resolve(effect.response))
        else resolve(effect.response)
        return
      }
      case 'acknowledge':
        this.#take(effect.id)?.acknowledge(effect.outcomes)
        return
      case 'unknown':
        this.#take(effect.id)?.reject(new MeridianError('OUTCOME_UNKNOWN', effect.why))
        return
      case 'refuse':
        this.#take(effect.id)?.reject(new MeridianError(effect.code, effect.why))
        return
      case 'answer-read':
        this.#take(effect.id)?.answerRead()
        return
      case 'role':
        log.info(
          { shard: this.shardId, token: formatToken(effect.token), from: effect.from, to: effect.to, why: effect.why },
          'shard role',
        )
        return
    }
  }

  #persisted(ticket: number, quarantined: boolean): void {
    if (quarantined && !this.#ended) {
      this.countQuarantine()
      this.#options.log.warn(
        { shard: this.shardId, entries: this.#quarantined },
        'entries that a higher generation went on without are in quarantine',
      )
    }
    this.#step({ kind: 'persisted', ticket })
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #send(to: NodeId, request: ReplicaRequest): void {
    const address = this.#addressOf(to)
    this.#options.peers.ask(address, this.shardId, request).then(
      (response) => this.#step({ kind: 'response', from: to, request, response }),
      (error: unknown) => {
        this.#options.log.debug(
          { shard: this.shardId, to, request: request.kind, err: error },
          'replica did not answer',
        )
        this.#step({ kind: 'unanswered', from: to, request })
      },
    )
  }

  #askLeader(): Promise<ConfirmedIndex> {
    const { self, peers, confirm } = this.#options
    const leader = this.#newest?.leader?.nodeId ?? this.#feeder?.nodeId
    if (leader === undefined)
      return Promise.reject(new MeridianError('NO_ROUTE', 'no leader of the shard is known here'))
    if (leader === self) return confirm(this)
    return peers.confirmedIndex(this.#addressOf(nodeId(leader)), this.shardId)
  }

  #addressOf(node: NodeId): string {
    const { replicas = [], prior = [], learners = [] } = this.#newest ?? {}
    const named = [...replicas, ...prior, ...learners].find((replica) => replica.nodeId === node)
    return named === undefined || named.address === '' ? (this.#addresses.get(node) ?? '') : named.address
  }
}
