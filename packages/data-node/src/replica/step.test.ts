import { keyOfText, nodeId, token } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { REPLICA_BOUNDS } from './bounds.ts'
import type { ReplicaBounds } from './bounds.ts'
import type { WriteItem } from './log-entry.ts'
import type { ReplicaRequest, ReplicaResponse } from './replica-message.ts'
import { openReplica } from './replica-state.ts'
import type { Effect, ReplicaEvent, ReplicaState } from './replica-state.ts'
import { RULES } from './rules.ts'
import type { Rules } from './rules.ts'
import { step } from './step.ts'
import { roleName } from './turn.ts'

const [A, B, C] = ['a', 'b', 'c'].map(nodeId) as [NodeId, NodeId, NodeId]
const ALL = [A, B, C]

interface Message {
  readonly from: NodeId
  readonly to: NodeId
  readonly request: ReplicaRequest
}

/** Three replicas whose disks are instant and whose messages lie still until told to go. */
class Trio {
  readonly states = new Map<NodeId, ReplicaState>()
  readonly answers: string[] = []
  messages: Message[] = []
  nowMs = 0
  #ids = 0
  #replies = new Map<number, (response: ReplicaResponse) => void>()

  constructor(options: { rules?: Partial<Rules>; bounds?: Partial<ReplicaBounds> } = {}) {
    const rules = { ...RULES, ...options.rules }
    const bounds = { ...REPLICA_BOUNDS, ...options.bounds }
    for (const node of ALL) this.states.set(node, openReplica(node, undefined, { rules, bounds }))
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
      case 'trim':
      case 'role':
        return
    }
  }

  lead(node: NodeId, value: Token, replicas: readonly NodeId[] = ALL): void {
    this.feed(node, { kind: 'assign', token: value, leads: true, replicas })
  }

  write(node: NodeId, id: number, sequence: number, text = `v${sequence}`): void {
    const items: WriteItem[] = [{ sequence: BigInt(sequence), key: keyOfText('k'), value: Buffer.from(text) }]
    this.feed(node, { kind: 'write', id, session: 's', items })
  }

  /** Delivers what lies between the given nodes, with the answers, until nothing of it is left. */
  run(among: readonly NodeId[] = ALL, kinds?: readonly ReplicaRequest['kind'][]): void {
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
    for (const node of ALL) this.feed(node, { kind: 'tick' })
  }

  log(node: NodeId): string {
    const { log } = this.state(node)
    const entries = []
    for (let index = log.base.index + 1; index <= log.lastIndex; index++) {
      const entry = log.entryAt(index)
      entries.push(`${entry?.token.epoch}${entry?.session === '' ? '' : `:${entry?.items[0]?.sequence}`}`)
    }
    return entries.join(' ')
  }
}

const role = (trio: Trio, node: NodeId): string => roleName(trio.state(node).role)

describe('a shard replica', () => {
  it('serves once a quorum is sealed and its barrier committed, and acknowledges what two of three hold', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    expect(role(trio, A)).toBe('sealing')
    trio.write(A, 1, 1)
    trio.run([A, B], ['seal'])
    expect(role(trio, A)).toBe('leading')
    trio.write(A, 2, 1)
    expect(trio.answers).toEqual(['a NOT_SERVING 1', 'a NOT_SERVING 2'])
    trio.run([A, B])
    expect(role(trio, A)).toBe('serving')
    trio.write(A, 3, 1)
    expect(trio.answers.length).toBe(2)
    trio.run([A, B])
    expect(trio.answers.at(-1)).toBe('a ok 3 1@2')
    expect([trio.log(A), trio.log(B), trio.log(C)]).toEqual(['1 1:1', '1 1:1', ''])
  })

  it('gathers what is written while an append is under way into the next one', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run()
    for (let sequence = 1; sequence <= 10; sequence++) trio.write(A, sequence, sequence)
    const sizes = (): number[] =>
      trio.messages.flatMap(({ to, request }) =>
        to === B && request.kind === 'append' ? [request.entries.length] : [],
      )
    expect(sizes()).toEqual([1])
    const first = trio.messages.find(({ to }) => to === B)
    trio.messages = trio.messages.filter((message) => message !== first)
    if (first !== undefined) trio.deliver(first)
    expect(sizes()).toEqual([9])
    trio.run([A, B])
    expect(trio.answers.length).toBe(10)
  })

  it('answers a retry with where the first attempt was applied, also in flight and after a change of leader', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run()
    trio.write(A, 1, 1, 'first')
    trio.write(A, 2, 1, 'again')
    trio.run()
    trio.lead(B, token(1, 2))
    trio.run()
    trio.write(B, 3, 1, 'later')
    expect(trio.answers).toEqual(['a ok 1 1@2', 'a ok 2 1@2 dup', 'b ok 3 1@2 dup'])
    expect(Buffer.from(trio.state(B).shard.get(keyOfText('k'))?.value ?? []).toString()).toBe('first')
  })

  it('answers "unknown" when it is demoted, and the next leader keeps what a quorum may hold', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run()
    trio.write(A, 1, 1)
    const append = trio.messages.find(({ to }) => to === B)
    trio.messages = []
    if (append !== undefined) trio.deliver(append)
    expect(trio.answers).toEqual(['a ok 1 1@2'])
    trio.write(A, 2, 2)
    trio.messages = []
    // C, which holds neither, is named leader and seals with A: A has both.
    trio.lead(C, token(1, 2))
    trio.run([A, C])
    expect(trio.answers.at(-1)).toBe('a unknown 2')
    expect([role(trio, A), role(trio, C), trio.log(C)]).toEqual(['follower', 'serving', '1 1:1 1:2 2'])
  })

  it('replaces its own uncommitted suffix by the better log, never what is committed', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run()
    trio.write(A, 1, 1)
    trio.run()
    trio.write(A, 2, 2)
    trio.messages = []
    trio.lead(B, token(1, 2))
    trio.run([B, C])
    trio.write(B, 3, 3)
    trio.run([B, C])
    trio.messages = []
    expect([trio.log(A), trio.log(B)]).toEqual(['1 1:1 1:2', '1 1:1 2 2:3'])
    trio.lead(A, token(1, 3))
    trio.run([A, B])
    expect([trio.log(A), role(trio, A)]).toEqual(['1 1:1 2 2:3 3', 'serving'])
  })

  it('counts entries of older tokens only through one of its own (R4)', () => {
    // As in section 5.4.2 of the Raft paper: A holds an old entry that C gets too, B holds a newer one alone.
    const story = (rules: Partial<Rules>): Trio => {
      const trio = new Trio({ rules, bounds: { appendEntriesMax: 1 } })
      trio.lead(A, token(1, 1))
      trio.run()
      trio.write(A, 1, 1)
      trio.messages = []
      trio.lead(B, token(1, 2))
      trio.run([B, C], ['seal'])
      trio.messages = []
      trio.lead(A, token(1, 3))
      trio.run([A, C], ['seal'])
      // The barrier does not join C's log; then C gets the old entry, and nothing more.
      for (let sent = 0; sent < 2; sent++) {
        const next = trio.messages.find(({ to, request }) => to === C && request.kind === 'append')
        trio.messages = []
        if (next !== undefined) trio.deliver(next)
      }
      trio.messages = []
      return trio
    }
    const right = story({})
    expect([right.log(A), right.log(B), right.log(C)]).toEqual(['1 1:1 3', '1 2', '1 1:1'])
    expect(right.state(A).commitIndex).toBe(1)
    right.lead(B, token(1, 4))
    right.run([B, C])
    expect(right.log(C)).toBe('1 2 4')
    expect(right.state(A).shard.appliedIndex).toBe(1)

    const wrong = story({ mayCount: () => true })
    // Said to be committed, and lost all the same.
    expect(wrong.state(A).commitIndex).toBe(2)
    wrong.lead(B, token(1, 4))
    wrong.run([B, C])
    expect(wrong.log(C)).toBe('1 2 4')
  })

  it('confirms a read in a round that begins after it, and refuses it when no quorum answers', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run()
    trio.feed(A, { kind: 'read', id: 1 })
    trio.feed(A, { kind: 'read', id: 2 })
    expect(trio.answers).toEqual([])
    const late = trio.messages.find(({ request }) => request.kind === 'confirm')
    trio.run([A, B])
    expect(trio.answers).toEqual(['a read 1 at 1', 'a read 2 at 1'])
    trio.messages = []
    trio.feed(A, { kind: 'read', id: 3 })
    // An answer to the first round says nothing of the third.
    if (late !== undefined) trio.deliver(late)
    expect(trio.answers.length).toBe(2)
    trio.feed(B, { kind: 'assign', token: token(1, 2), leads: false, replicas: ALL })
    trio.feed(C, { kind: 'assign', token: token(1, 2), leads: false, replicas: ALL })
    trio.run()
    expect([trio.answers.at(-1), role(trio, A)]).toEqual(['a NOT_LEADER 3', 'follower'])

    const cut = new Trio()
    cut.lead(A, token(1, 1))
    cut.run()
    cut.feed(A, { kind: 'read', id: 1 })
    cut.messages = []
    cut.tick(REPLICA_BOUNDS.readMsMax + 1)
    expect(cut.answers).toEqual(['a UNAVAILABLE 1'])
  })

  it('bounds what waits for the replicas, and does not let it wait for ever', () => {
    const trio = new Trio({ bounds: { uncommittedEntriesMax: 2 } })
    trio.lead(A, token(1, 1))
    trio.run()
    for (let sequence = 1; sequence <= 3; sequence++) trio.write(A, sequence, sequence)
    expect(trio.answers).toEqual(['a OVERLOADED 3'])
    trio.tick(REPLICA_BOUNDS.writeMsMax + 1)
    expect(trio.answers.slice(1)).toEqual(['a unknown 1', 'a unknown 2'])
    trio.run()
    trio.write(A, 4, 1)
    expect(trio.answers.at(-1)).toBe('a ok 4 1@2 dup')
  })

  it('does not wait for a dead follower, and feeds it when it is back', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run([A, B])
    const lost = trio.messages.filter(({ to, request }) => to === C && request.kind === 'append')
    trio.messages = []
    for (let sequence = 1; sequence <= 5; sequence++) {
      trio.write(A, sequence, sequence)
      trio.run([A, B])
    }
    expect(trio.answers.length).toBe(5)
    for (const message of lost) trio.feed(A, { kind: 'unanswered', from: C, request: message.request })
    trio.tick(REPLICA_BOUNDS.retryMs)
    trio.run()
    expect(trio.log(C)).toBe(trio.log(A))
  })

  it('trims what all three hold, and only then', () => {
    const trio = new Trio({ bounds: { logEntriesMax: 20, logEntriesKept: 2 } })
    trio.lead(A, token(1, 1))
    trio.run()
    for (let sequence = 1; sequence <= 30; sequence++) {
      trio.write(A, sequence, sequence)
      trio.run([A, B])
    }
    trio.tick(50)
    trio.run([A, B])
    expect(trio.state(A).log.base.index).toBe(0)
    trio.run()
    for (let ticks = 0; ticks < 4; ticks++) {
      trio.tick(50)
      trio.run()
    }
    const bases = ALL.map((node) => trio.state(node).log.base.index)
    expect(bases).toEqual([29, 29, 29])
    trio.lead(C, token(1, 2))
    trio.run()
    trio.write(C, 31, 7)
    expect(trio.answers.at(-1)).toBe('c ok 31 7@8 dup')
  })

  it('never leads under a token that an earlier life of the node may have had', () => {
    const durable = { ...new Trio().state(A) }
    const state = openReplica(A, {
      promised: token(1, 5),
      commitIndex: 0,
      base: durable.log.base,
      entries: [],
      checkpoint: { appliedIndex: 0, values: [], sessions: [] },
    })
    step(state, { kind: 'assign', token: token(1, 5), leads: true, replicas: ALL }, 0)
    expect(roleName(state.role)).toBe('follower')
    step(state, { kind: 'assign', token: token(1, 6), leads: true, replicas: ALL }, 0)
    expect(roleName(state.role)).toBe('sealing')
    step(state, { kind: 'assign', token: token(1, 7), leads: true, replicas: [B, C] }, 0)
    expect([roleName(state.role), state.promised]).toEqual(['follower', token(1, 7)])
  })

  it('serves alone when it is the only replica', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1), [A])
    trio.write(A, 1, 1)
    trio.feed(A, { kind: 'read', id: 2 })
    expect(trio.answers).toEqual(['a ok 1 1@2', 'a read 2 at 2'])
  })
})
