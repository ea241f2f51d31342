import { compareTokens, rangeId, tokensEqual } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import { admitLeaseRead, checkRequest } from '../fence/admit.ts'
import type { ShardRole, ShardView } from '../fence/admit.ts'
import { LEASE_GUARD_MS, LeaseClock, RegionLeases } from '../fence/lease-clock.ts'
import type { ShardRecord } from '../fence/shard-record.ts'
import type { ReplicaBounds } from '../replica/bounds.ts'
import type { LogEntry } from '../replica/log-entry.ts'
import type { Quarantined } from '../replica/quarantine.ts'
import type { ReplicaRequest, ReplicaResponse } from '../replica/replica-message.ts'
import { openReplica } from '../replica/replica-state.ts'
import type { DurableShard, Effect, ReplicaEvent, ReplicaState } from '../replica/replica-state.ts'
import { roleName } from '../replica/turn.ts'
import type { Rules } from '../replica/rules.ts'
import type { ItemOutcome } from '../replica/shard-state.ts'
import { step } from '../replica/step.ts'
import type { EventQueue } from './event-queue.ts'
import { historyEntry } from './history-entry.ts'
import type { ReplicaRecord } from './history.ts'
import { spoiled, withheld } from './node-faults.ts'
import type { NodeFaults } from './node-faults.ts'
import { SimDisk } from './sim-disk.ts'
import { NOT_VOUCHED, valueOf } from './sim-door.ts'
import type { ClientAnswer, ClientRequest } from './sim-door.ts'
import { SimStaleReads } from './sim-stale.ts'

export interface SimNodeOptions {
  readonly id: NodeId
  readonly queue: EventQueue
  readonly random: { next(): number; int(n: number): number }
  readonly bounds: ReplicaBounds
  readonly rules: Rules
  readonly faults: NodeFaults
  readonly record: (record: ReplicaRecord) => void
  /** Carries a question of this node, as a client would send it. */
  readonly question: (to: NodeId, request: ClientRequest, answered: (answer: ClientAnswer) => void) => void
  /** Carries a request over the network; `answered` may run never, once or several times. */
  readonly carry: (to: NodeId, request: ReplicaRequest, answered: (response: ReplicaResponse) => void) => void
  readonly requestTimeoutMs: number
  /** Whether the region may still vouch for a generation of the range. */
  readonly mayVouch: (generation: bigint) => boolean
  /** How fast this node's monotonic clock runs, 1 being right. */
  readonly clockRate: number
  /** A broken invariant ends the process; what then happens to the others is for the checker to see. Default: throw. */
  readonly onBroken?: (error: unknown) => void
}

/** The shell around one replica core in virtual time: a disk with a queue, a door, and crashes. */
export class SimNode {
  readonly id: NodeId
  readonly #options: SimNodeOptions
  readonly #disk: SimDisk
  #state: ReplicaState | undefined
  #life = 0
  installs = 0
  #newest: ShardRecord | undefined
  #entries = new Map<number, LogEntry>()
  #requests = 0
  readonly #replies = new Map<number, (response: ReplicaResponse) => void>()
  readonly #lease = new LeaseClock()
  /** The region's leases are not the subject here: `mayVouch` says at once what they would say in time. */
  readonly #region = new RegionLeases()
  #leaseSeenByTimer = false
  #feeder: NodeId | undefined
  #staleReads: SimStaleReads | undefined
  /** What has arrived at a process that is stopped. */
  #stopped: { readonly timer: boolean; readonly run: () => void }[] | undefined
  readonly #clients = new Map<
    number,
    { readonly request: ClientRequest; readonly answer: (answer: ClientAnswer) => void }
  >()

  constructor(options: SimNodeOptions) {
    this.id = options.id
    this.#options = options
    this.#disk = new SimDisk(options.queue, options.random, (run) => this.#whenRunning(run))
  }

  get life(): number {
    return this.#life
  }

  get state(): ReplicaState | undefined {
    return this.#state
  }

  get quarantine(): readonly Quarantined[] {
    return this.#disk.quarantine
  }

  /** The log that a crash would leave: what a question after positions is answered from. */
  get durable(): DurableShard {
    return this.#disk.shard
  }

  start(): void {
    if (this.#state !== undefined) return
    this.#life += 1
    const durable = spoiled(this.#disk.shard, this.#options.faults)
    this.#entries = new Map(durable.entries.map((entry) => [entry.index, entry]))
    this.#state = openReplica(this.id, durable, { bounds: this.#options.bounds, rules: this.#options.rules })
    this.#newest = undefined
    this.#staleReads = this.#newStaleReads()
    this.#options.record({ kind: 'promised', node: this.id, token: durable.promised })
    this.#recordApplied(durable.checkpoint.appliedIndex, this.#state, undefined)
    this.#tick(this.#life)
  }

  get clockMs(): number {
    return this.#options.queue.nowMs * this.#options.clockRate
  }

  /** As by SIGSTOP: nothing runs, the world goes on. */
  stop(): void {
    this.#stopped ??= []
  }

  get isStopped(): boolean {
    return this.#stopped !== undefined
  }

  resume(): void {
    const arrived = this.#stopped ?? []
    this.#stopped = undefined
    // Which comes first, the timers that are due or what waits in the sockets, is the runtime's habit and no promise.
    const first = this.#options.random.next() < 0.5
    for (const each of arrived) if (each.timer === first) each.run()
    for (const each of arrived) if (each.timer !== first) each.run()
  }

  /** @param sentMs this node's clock when it asked */
  leaseGranted(life: number, sentMs: number, durationMs: number): void {
    this.#whenRunning(() => {
      if (this.#state === undefined || this.#life !== life) return
      this.#lease.granted(this.#options.faults.leasesFromReceipt === true ? this.clockMs : sentMs, durationMs)
    })
  }

  #whenRunning(run: () => void, timer = false): void {
    if (this.#stopped === undefined) run()
    else this.#stopped.push({ timer, run })
  }

  /** Loses memory, and what the disk has not made durable. */
  crash(): void {
    if (this.#state === undefined) return
    this.#disk.crash()
    this.#state = undefined
    this.#stopped = undefined
    this.#lease.drop()
    this.#leaseSeenByTimer = false
    this.#replies.clear()
    this.#clients.clear()
    this.#feeder = undefined
    this.#staleReads = undefined
  }

  learn(record: ShardRecord): void {
    this.#whenRunning(() => this.#learn(record))
  }

  #learn(record: ShardRecord): void {
    if (this.#state === undefined) return
    if (this.#newest !== undefined && compareTokens(this.#newest.token, record.token) > 0) return
    this.#newest = record
    const leads = record.leader?.nodeId === this.id && record.leader.nodeEpoch === BigInt(this.#life)
    this.#step({
      kind: 'assign',
      token: record.token,
      leads,
      members: {
        replicas: record.replicas.map((replica) => replica.nodeId),
        prior: record.prior?.map((replica) => replica.nodeId),
      },
      freeze: record.freeze,
      learners: record.learners.map((replica) => replica.nodeId),
    })
  }

  replicaRequest(from: NodeId, request: ReplicaRequest, answer: (response: ReplicaResponse) => void): void {
    this.#whenRunning(() => this.#replicaRequest(from, request, answer))
  }

  #replicaRequest(from: NodeId, request: ReplicaRequest, answer: (response: ReplicaResponse) => void): void {
    if (this.#state === undefined) return
    if (request.kind === 'append') this.#feeder = from
    const id = ++this.#requests
    const promisedBefore = this.#state.promised
    this.#replies.set(id, (response) => {
      if ((response.kind === 'seal' || response.kind === 'append') && tokensEqual(response.promised, request.token)) {
        this.#options.record({ kind: 'sealed', node: this.id, token: request.token })
      }
      if (response.kind === 'append' && response.matched) {
        this.#options.record({ kind: 'accepted', node: this.id, token: request.token, promised: promisedBefore })
      }
      answer(withheld(response, this.#options.faults))
    })
    this.#step({ kind: 'request', id, from, request })
  }

  clientRequest(request: ClientRequest, answer: (answer: ClientAnswer) => void): void {
    this.#whenRunning(() => this.#clientRequest(request, answer))
  }

  #clientRequest(request: ClientRequest, answer: (answer: ClientAnswer) => void): void {
    const state = this.#state
    if (state === undefined) return
    if (request.kind === 'stale') return this.#staleReads?.read(state, request, answer)
    if (request.kind === 'index') {
      this.#index(state, request, answer)
      return
    }
    const admission = checkRequest(this.#view(state), request.token)
    if (!admission.admitted && !(this.#options.faults.opensDoor === true && this.#newest !== undefined)) {
      answer({ kind: 'refused', code: admission.refusal.code })
      return
    }
    if (!this.#vouched(request.token)) {
      answer({ kind: 'refused', code: 'NO_REGION_LEASE' })
      return
    }
    const id = ++this.#requests
    this.#clients.set(id, { request, answer })
    if (request.kind === 'read' && request.lease) {
      this.#leaseRead(state, id, request)
      return
    }
    if (request.kind === 'write') this.#step({ kind: 'write', id, session: request.session, items: request.items })
    else this.#step({ kind: 'read', id })
  }

  /** At the leader: what is committed, told after a quorum has confirmed the token and while the region may vouch. */
  #index(state: ReplicaState, request: ClientRequest, answer: (answer: ClientAnswer) => void): void {
    const id = ++this.#requests
    this.#clients.set(id, { request: { ...request, token: this.#newest?.token ?? state.promised }, answer })
    this.#step({ kind: 'read', id })
  }

  #newStaleReads(): SimStaleReads {
    const life = this.#life
    return new SimStaleReads({
      faults: this.#options.faults,
      trueMs: () => this.#options.queue.nowMs,
      clockMs: () => this.clockMs,
      state: () => this.#state,
      leader: () => this.#newest?.leader?.nodeId ?? this.#feeder,
      ask: (leader, request, answered) => {
        let open = true
        const done = (answer: ClientAnswer | undefined): void => {
          if (!open || this.#state === undefined || this.#life !== life) return
          open = false
          answered(answer)
        }
        this.#options.question(leader, request, (answer) => this.#whenRunning(() => done(answer)))
        this.#options.queue.after(this.#options.requestTimeoutMs, () => this.#whenRunning(() => done(undefined)))
      },
    })
  }

  #leaseRead(state: ReplicaState, id: number, request: ClientRequest & { kind: 'read' }): void {
    const leases = { node: this.#lease, region: this.#region }
    // The faulty node goes by what a timer saw: its lease is taken as running now.
    this.#region.confirmed(0, Number.MAX_SAFE_INTEGER, [{ rangeId: rangeId(1), generation: request.token.generation }])
    const nowMs = this.#options.faults.checksLeaseByTimer === true && this.#leaseSeenByTimer ? 0 : this.clockMs
    const admission = admitLeaseRead(this.#view(state), request.token, leases, nowMs)
    if (!admission.admitted) this.#answer(state, id, { kind: 'refused', code: admission.refusal.code })
    else {
      this.#answer(state, id, valueOf(state, request.key))
    }
  }

  #vouched(token: Token): boolean {
    return this.#options.faults.acknowledgesAnyway === true || this.#options.mayVouch(token.generation)
  }

  #view(state: ReplicaState): ShardView | undefined {
    if (this.#newest === undefined) return undefined
    const name = roleName(state.role)
    const role: ShardRole = name === 'serving' ? 'serving' : name === 'follower' ? 'follower' : 'sealing'
    return { role, newest: this.#newest }
  }

  #tick(life: number): void {
    this.#options.queue.after(20, () => {
      if (this.#state === undefined || this.#life !== life) return
      this.#whenRunning(() => {
        this.#leaseSeenByTimer = this.#lease.check(this.clockMs, LEASE_GUARD_MS)
        this.#step({ kind: 'tick' })
      }, true)
      this.#tick(life)
    })
  }

  #step(event: ReplicaEvent): void {
    const state = this.#state
    if (state === undefined) return
    let before = state.shard.appliedIndex
    let effects: Effect[]
    try {
      effects = step(state, event, this.#options.queue.nowMs)
    } catch (error) {
      if (this.#options.onBroken === undefined) throw error
      this.#options.onBroken(error)
      this.crash()
      return
    }
    for (const effect of effects) {
      if (effect.kind !== 'persist') continue
      for (const entry of effect.write.append) this.#entries.set(entry.index, entry)
      // What an installed state was made of was applied elsewhere.
      if (effect.write.install !== undefined) {
        before = effect.write.install.base.index
        this.installs += 1
      }
    }
    // Whoever commits anything commits an entry of its own with it; else it only repeats what it had heard itself.
    const own = state.log.tokenAt(state.commitIndex)?.generation === state.promised.generation
    this.#recordApplied(before, state, own ? state.promised : undefined)
    for (const effect of effects) this.#perform(state, effect)
    this.#staleReads?.moved(state)
  }

  #recordApplied(before: number, state: ReplicaState, under: Token | undefined): void {
    for (let index = before + 1; index <= state.shard.appliedIndex; index++) {
      const entry = this.#entries.get(index)
      if (entry === undefined) throw new Error(`simulation: entry ${index} was applied and never seen`)
      this.#options.record({ kind: 'applied', node: this.id, entry: historyEntry(entry), under })
    }
  }

  #perform(state: ReplicaState, effect: Effect): void {
    const { faults, record } = this.#options
    switch (effect.kind) {
      case 'persist': {
        const { ticket, write } = effect
        this.#disk.write(
          (image) => image.write(write),
          () => {
            record({ kind: 'promised', node: this.id, token: write.promised })
            this.#step({ kind: 'persisted', ticket })
          },
        )
        return
      }
      case 'trim': {
        const delta = state.shard.takeDirty()
        this.#disk.write(
          (image) => image.checkpoint(delta, effect.base),
          () => {},
        )
        return
      }
      case 'stage':
        this.#disk.write(
          (image) => image.stage(effect.id, effect.piece),
          () => {},
        )
        return
      case 'send':
        this.#send(effect.to, effect.request)
        return
      case 'reply': {
        const answer = this.#replies.get(effect.id)
        this.#replies.delete(effect.id)
        if (answer === undefined) return
        if (effect.durable && faults.repliesEarly !== true)
          this.#disk.write(
            () => {},
            () => answer(effect.response),
          )
        else answer(effect.response)
        return
      }
      case 'acknowledge':
        this.#acknowledge(state, effect.id, effect.outcomes)
        return
      case 'unknown':
        this.#answer(
          state,
          effect.id,
          faults.failsUnknown === true ? { kind: 'refused', code: 'NOT_LEADER' } : { kind: 'unknown' },
        )
        return
      case 'refuse':
        this.#answer(state, effect.id, { kind: 'refused', code: effect.code })
        return
      case 'answer-read': {
        const client = this.#clients.get(effect.id)
        if (client?.request.kind === 'index' && state.role.kind === 'leading') {
          const { token } = state.role
          const confirmed = { token, index: state.shard.appliedIndex }
          this.#clients.delete(effect.id)
          client.answer(this.#vouched(token) ? { kind: 'confirmed', confirmed } : NOT_VOUCHED)
          return
        }
        if (client?.request.kind !== 'read') return
        const vouched = this.#vouched(client.request.token)
        this.#answer(state, effect.id, vouched ? valueOf(state, client.request.key) : NOT_VOUCHED)
        return
      }
      case 'role':
        return
    }
  }

  /** Sampled at the acknowledgement, as at the door. */
  #acknowledge(state: ReplicaState, id: number, outcomes: readonly ItemOutcome[]): void {
    const client = this.#clients.get(id)
    if (client === undefined) return
    const { token } = client.request
    this.#answer(state, id, this.#vouched(token) ? { kind: 'written', outcomes, under: token } : { kind: 'unknown' })
  }

  #answer(state: ReplicaState, id: number, answer: ClientAnswer): void {
    const client = this.#clients.get(id)
    this.#clients.delete(id)
    if (client === undefined) return
    if (answer.kind === 'written' || answer.kind === 'value') {
      const token = state.role.kind === 'follower' ? state.promised : state.role.token
      this.#options.record({ kind: 'served', node: this.id, token, asked: client.request.token, life: this.#life })
    }
    client.answer(answer)
  }

  #send(to: NodeId, request: ReplicaRequest): void {
    const life = this.#life
    let answered = false
    this.#options.carry(to, request, (response) => {
      answered = true
      const half = this.#options.faults.countsHalfStates === true && response.kind === 'state'
      const taken = half ? { ...response, last: true } : response
      this.#whenRunning(() => {
        if (this.#life === life) this.#step({ kind: 'response', from: to, request, response: taken })
      })
    })
    this.#options.queue.after(this.#options.requestTimeoutMs, () => {
      this.#whenRunning(() => {
        if (!answered && this.#life === life) this.#step({ kind: 'unanswered', from: to, request })
      })
    })
  }
}
