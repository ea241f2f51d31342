import { keyOfText, nodeId, operationId } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import { REPLICA_BOUNDS } from './bounds.ts'
import type { ReplicaBounds } from './bounds.ts'
import type { LogEntry, WriteItem } from './log-entry.ts'
import type { Quarantined } from './quarantine.ts'
import type { ReplicaRequest, ReplicaResponse } from './replica-message.ts'
import { openReplica } from './replica-state.ts'
import type { Effect, ReplicaEvent, ReplicaState } from './replica-state.ts'
import { RULES } from './rules.ts'
import type { Rules } from './rules.ts'
import { step } from './step.ts'
import { roleName } from './turn.ts'

export const [A, B, C, D, E, F] = ['a', 'b', 'c', 'd', 'e', 'f'].map(nodeId) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
/** The replicas, unless a test says otherwise. */
export const ALL = [A, B, C]
const EVERYBODY = [A, B, C, D, E, F]

export interface Assigned {
  leads?: boolean
  replicas?: readonly NodeId[]
  prior?: readonly NodeId[]
  learners?: readonly NodeId[]
  freeze?: string
}

/** What a record amounts to for the core. */
export function assigned(value: Token, how: Assigned = {}): ReplicaEvent & { kind: 'assign' } {
  return {
    kind: 'assign',
    token: value,
    leads: how.leads ?? true,
    members: { replicas: how.replicas ?? ALL, prior: how.prior },
    learners: how.learners ?? [],
    freeze: how.freeze === undefined ? undefined : operationId(how.freeze),
  }
}

export interface Message {
  readonly from: NodeId
  readonly to: NodeId
  readonly request: ReplicaRequest
}

/** Replicas whose disks are instant and whose messages lie still until told to go. Test only. */
export class Trio {
  readonly states = new Map<NodeId, ReplicaState>()
  readonly answers: string[] = []
  /** Kept of what was left behind, by node. */
  readonly quarantine = new Map<NodeId, Quarantined[]>()
  messages: Message[] = []
  nowMs = 0
  #ids = 0
  #replies = new Map<number, (response: ReplicaResponse) => void>()

  constructor(options: { rules?: Partial<Rules>; bounds?: Partial<ReplicaBounds> } = {}) {
    const rules = { ...RULES, ...options.rules }
    const bounds = { ...REPLICA_BOUNDS, ...options.bounds }
    for (const node of EVERYBODY) this.states.set(node, openReplica(node, undefined, { rules, bounds }))
  }

  state(node: NodeId): ReplicaState {
    const state = this.states.get(node)
    if (state === undefined) throw new Error(`no ${node}`)
    return state
  }

  feed(node: NodeId, event: ReplicaEvent): void {
    const later: (() => void)[] = []
    for (const effect of step(this.state(node), event, this.nowMs)) this.#perform(node, effect, later)
    for (const run of later) run()
  }

  #perform(node: NodeId, effect: Effect, later: (() => void)[]): void {
    switch (effect.kind) {
      case 'persist':
        this.quarantine.set(node, [...(this.quarantine.get(node) ?? []), ...effect.write.quarantine])
        later.push(() => this.feed(node, { kind: 'persisted', ticket: effect.ticket }))
        return
      case 'send':
        this.messages.push({ from: node, to: effect.to, request: effect.request })
        return
      case 'reply': {
        const answer = this.#replies.get(effect.id)
        later.push(() => answer?.(effect.response))
        return
      }
      case 'acknowledge':
        this.answers.push(
          `${node} ok ${effect.id} ${effect.outcomes.map((outcome) => `${outcome.sequence}@${outcome.index}${outcome.duplicate ? ' dup' : ''}`).join(' ')}`,
        )
        return
      case 'unknown':
        this.answers.push(`${node} unknown ${effect.id}`)
        return
      case 'refuse':
        this.answers.push(`${node} ${effect.code} ${effect.id}`)
        return
      case 'answer-read':
        this.answers.push(`${node} read ${effect.id} at ${this.state(node).shard.appliedIndex}`)
        return
      case 'stage':
      case 'trim':
      case 'role':
        return
    }
  }

  lead(node: NodeId, value: Token, how: Assigned = {}): void {
    this.feed(node, assigned(value, how))
  }

  /** Lets what lies there be lost; senders learn of it as they would by a time-out. */
  lose(to: readonly NodeId[]): void {
    const lost = this.messages.filter((message) => to.includes(message.to))
    this.messages = this.messages.filter((message) => !to.includes(message.to))
    for (const { from, to: silent, request } of lost) this.feed(from, { kind: 'unanswered', from: silent, request })
  }

  write(node: NodeId, id: number, sequence: number, text = `v${sequence}`): void {
    const items: WriteItem[] = [{ sequence: BigInt(sequence), key: keyOfText('k'), value: Buffer.from(text) }]
    this.feed(node, { kind: 'write', id, session: 's', items })
  }

  /** Delivers what lies between the given nodes, with the answers, until nothing of it is left. */
  run(among: readonly NodeId[] = EVERYBODY, kinds?: readonly ReplicaRequest['kind'][]): void {
    for (;;) {
      const at = this.messages.findIndex(
        ({ from, to, request }) =>
          among.includes(from) && among.includes(to) && (kinds?.includes(request.kind) ?? true),
      )
      const [message] = at < 0 ? [] : this.messages.splice(at, 1)
      if (message === undefined) return
      this.deliver(message)
    }
  }

  deliver({ from, to, request }: Message): void {
    const id = ++this.#ids
    this.#replies.set(id, (response) => this.feed(from, { kind: 'response', from: to, request, response }))
    this.feed(to, { kind: 'request', id, from, request })
  }

  tick(ms: number): void {
    this.nowMs += ms
    for (const node of EVERYBODY) this.feed(node, { kind: 'tick' })
  }

  log(node: NodeId): string {
    const { log } = this.state(node)
    const entries = []
    for (let index = log.base.index + 1; index <= log.lastIndex; index++) {
      const entry = log.entryAt(index)
      entries.push(textOf(entry))
    }
    return entries.join(' ')
  }
}

/** `epoch:sequence`, of a barrier or mark the epoch alone; the generation stands before it when it is not 1. */
export function textOf(entry: LogEntry | undefined): string {
  if (entry === undefined) return '?'
  const { generation, epoch } = entry.token
  const [item] = entry.items
  return `${generation === 1n ? '' : `${generation}/`}${epoch}${entry.session === '' ? '' : `:${item?.sequence}`}`
}

export const roleOf = (trio: Trio, node: NodeId): string => roleName(trio.state(node).role)
