import { ZERO_TOKEN } from '@meridian/topology'
import type { NodeId } from '@meridian/topology'
import { Freshness } from '../replica/freshness.ts'
import type { ReplicaState } from '../replica/replica-state.ts'
import type { NodeFaults } from './node-faults.ts'
import type { ClientAnswer, ClientRequest } from './sim-door.ts'

type StaleRequest = ClientRequest & { kind: 'stale' }

export interface SimStaleReadsOptions {
  readonly faults: NodeFaults
  /** By the clock that never errs, and by the node's. */
  readonly trueMs: () => number
  readonly clockMs: () => number
  /** Of the life that is running; undefined when none is. */
  readonly state: () => ReplicaState | undefined
  readonly leader: () => NodeId | undefined
  /** `answered` is called once, with nothing when no answer came in time; never after the life has ended. */
  readonly ask: (leader: NodeId, request: ClientRequest, answered: (answer: ClientAnswer | undefined) => void) => void
}

/** What `StaleReads` does, without promises: one question to the leader for all who wait. One life of a node. */
export class SimStaleReads {
  readonly #options: SimStaleReadsOptions
  readonly #freshness = new Freshness()
  #asking = false
  #waiting: { readonly request: StaleRequest; readonly answer: (answer: ClientAnswer) => void }[] = []

  constructor(options: SimStaleReadsOptions) {
    this.#options = options
  }

  read(state: ReplicaState, request: StaleRequest, answer: (answer: ClientAnswer) => void): void {
    const boundMs = this.#freshness.stalenessMs(this.#options.clockMs())
    if (boundMs <= request.maxMs) {
      const { log, shard } = state
      const readIndex = shard.appliedIndex
      const readToken = log.tokenAt(readIndex) ?? log.base.token
      const atMs = this.#options.trueMs()
      answer({ kind: 'stale', stored: shard.get(request.key), readIndex, readToken, atMs, boundMs })
      return
    }
    this.#waiting.push({ request, answer })
    this.#ask()
  }

  /** To be called after each step of the core. */
  moved(state: ReplicaState): void {
    this.#freshness.moved({ agreed: state.agreed, appliedIndex: state.shard.appliedIndex })
    if (!this.#asking) this.#answerAll()
  }

  #ask(): void {
    const leader = this.#options.leader()
    if (this.#asking || leader === undefined) return
    this.#asking = true
    const sentMs = this.#options.clockMs()
    this.#options.ask(leader, { kind: 'index', token: ZERO_TOKEN }, (answer) => {
      this.#asking = false
      const state = this.#options.state()
      if (answer?.kind === 'confirmed' && state !== undefined) this.#confirmed(sentMs, answer, state)
      this.#answerAll()
    })
  }

  #confirmed(sentMs: number, answer: ClientAnswer & { kind: 'confirmed' }, state: ReplicaState): void {
    const { agesFromReceipt, agesWithoutWaiting, agesAcrossLogs } = this.#options.faults
    const { agreed, shard } = state
    const { token, index } = answer.confirmed
    const under = agesAcrossLogs === true ? (agreed ?? token) : token
    this.#freshness.confirmed(
      agesFromReceipt === true ? this.#options.clockMs() : sentMs,
      { token: under, index: agesWithoutWaiting === true ? 0 : index },
      { agreed, appliedIndex: shard.appliedIndex },
    )
  }

  /** Those who wait are answered now, or refused when the leader's word and the state have come and are too old. */
  #answerAll(): void {
    const state = this.#options.state()
    if (state === undefined || this.#freshness.behind) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const { request, answer } of waiting) {
      if (this.#freshness.stalenessMs(this.#options.clockMs()) <= request.maxMs) this.read(state, request, answer)
      else answer({ kind: 'refused', code: 'TOO_STALE' })
    }
  }
}
