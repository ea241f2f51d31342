import { keyOfText, token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { REPLICA_BOUNDS } from './bounds.ts'
import { LOG_START } from './lineage.ts'
import { openReplica } from './replica-state.ts'
import type { Rules } from './rules.ts'
import { step } from './step.ts'
import { A, ALL, assigned, B, C, roleOf, Trio } from './test-trio.ts'
import { roleName } from './turn.ts'

const role = roleOf

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
    trio.feed(B, assigned(token(1, 2), { leads: false }))
    trio.feed(C, assigned(token(1, 2), { leads: false }))
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
    const state = openReplica(A, {
      promised: token(1, 5),
      commitIndex: 0,
      base: LOG_START,
      entries: [],
      checkpoint: { appliedIndex: 0, values: [], sessions: [] },
    })
    step(state, assigned(token(1, 5)), 0)
    expect(roleName(state.role)).toBe('follower')
    step(state, assigned(token(1, 6)), 0)
    expect(roleName(state.role)).toBe('sealing')
    step(state, assigned(token(1, 7), { replicas: [B, C] }), 0)
    expect([roleName(state.role), state.promised]).toEqual(['follower', token(1, 7)])
  })

  it('serves alone when it is the only replica', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1), { replicas: [A] })
    trio.write(A, 1, 1)
    trio.feed(A, { kind: 'read', id: 2 })
    expect(trio.answers).toEqual(['a ok 1 1@2', 'a read 2 at 2'])
  })
})
