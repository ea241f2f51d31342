import { operationId, token } from '@meridian/topology'
import type { NodeId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { REPLICA_BOUNDS } from './bounds.ts'
import type { LogPosition } from './log-entry.ts'
import { barrierOf } from './step.ts'
import { A, ALL, assigned, B, C, D, E, F, roleOf, textOf, Trio } from './test-trio.ts'

const THERE = [D, E, F]
const fed = { learners: THERE }

/** Sequences from `first` to `last`, each written and spread to `among`. */
function writes(trio: Trio, node: NodeId, first: number, last: number, among?: readonly NodeId[]): void {
  for (let sequence = first; sequence <= last; sequence++) {
    trio.write(node, sequence, sequence)
    trio.run(among)
  }
}

function endOf(trio: Trio, node: NodeId): LogPosition {
  const { index, token: under } = trio.state(node).log.last
  return { index, token: under }
}

const left = (trio: Trio, node: NodeId): string[] =>
  (trio.quarantine.get(node) ?? []).map(
    ({ entry, committed, supersededBy }) => `${textOf(entry)} ${committed ? 'committed' : 'maybe'} ${supersededBy}`,
  )

describe('learners', () => {
  it('get what the replicas get, promise what they promise, and count in no quorum', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1), fed)
    trio.run([A, B, D, E])
    expect([roleOf(trio, A), trio.log(D), trio.state(D).promised]).toEqual(['serving', '1', token(1, 1)])
    trio.write(A, 1, 1)
    trio.run([A, D, E, F])
    // Four hold it, of which one is a replica.
    expect(trio.answers).toEqual([])
    trio.run([A, B])
    expect(trio.answers).toEqual(['a ok 1 1@2'])
    trio.tick(50)
    trio.run()
    expect(trio.state(F).shard.appliedIndex).toBe(2)
    trio.feed(A, { kind: 'read', id: 2 })
    trio.run([A, D, E, F])
    expect(trio.answers.length).toBe(1)
  })

  it('come and go while the leader leads, without a new token', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run()
    writes(trio, A, 1, 3)
    trio.feed(A, assigned(token(1, 1), { learners: [D] }))
    trio.run()
    expect(trio.log(D)).toBe('1 1:1 1:2 1:3')
    trio.feed(A, assigned(token(1, 1), { learners: [E] }))
    writes(trio, A, 4, 4)
    expect([trio.log(D), trio.log(E), roleOf(trio, A)]).toEqual(['1 1:1 1:2 1:3', '1 1:1 1:2 1:3 1:4', 'serving'])
  })

  it('fence an old leader by what they promised another one', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1), fed)
    trio.run()
    trio.lead(D, token(2, 1), { replicas: THERE })
    trio.run(THERE)
    expect([roleOf(trio, A), roleOf(trio, D)]).toEqual(['serving', 'serving'])
    trio.write(A, 1, 1)
    trio.run([A, D])
    expect([roleOf(trio, A), trio.answers]).toEqual(['follower', ['a unknown 1']])
  })
})

describe('a trimmed log', () => {
  const bounds = { logEntriesMax: 20, logEntriesKept: 2, silentMs: 1_000, installBytesMax: 150 }

  it('does not wait for those who are silent, and installs them when they are back', () => {
    const trio = new Trio({ bounds })
    trio.lead(A, token(1, 1), { learners: [D] })
    trio.run()
    for (let sequence = 1; sequence <= 40; sequence++) {
      trio.write(A, sequence, sequence)
      trio.run([A, B])
      trio.lose([C, D])
      trio.tick(50)
      trio.run([A, B])
    }
    expect(trio.state(A).log.base.index).toBeGreaterThan(10)
    expect([trio.log(C), trio.log(D)]).toEqual(['1', '1'])
    trio.lose([C, D])
    trio.tick(REPLICA_BOUNDS.retryMs)
    trio.run()
    trio.tick(REPLICA_BOUNDS.retryMs)
    trio.run()
    for (const node of [C, D]) {
      expect(trio.state(node).shard.full()).toEqual(trio.state(A).shard.full())
      expect(endOf(trio, node)).toEqual(endOf(trio, A))
    }
    // Also as the leader of the next token, with the table of duplicates that came along.
    trio.lead(C, token(1, 2))
    trio.run()
    trio.write(C, 99, 7)
    expect(trio.answers.at(-1)).toBe('c ok 99 7@8 dup')
  })

  it('is fetched as a state by a new leader that ends below it, before it leads', () => {
    const trio = new Trio({ bounds })
    trio.lead(A, token(1, 1))
    trio.run()
    for (let sequence = 1; sequence <= 60; sequence++) {
      trio.write(A, sequence, sequence)
      trio.run([A, B])
      trio.lose([C])
      trio.tick(50)
      trio.run([A, B])
    }
    trio.messages = []
    trio.lead(C, token(1, 2))
    trio.run([B, C], ['seal', 'fetch'])
    expect([roleOf(trio, C), trio.state(C).incoming?.source]).toEqual(['fetching', B])
    // A piece is lost: the same is asked for again, and a lost state is begun anew by sealing again.
    trio.lose([B])
    expect(roleOf(trio, C)).toBe('sealing')
    trio.tick(REPLICA_BOUNDS.retryMs)
    trio.run([B, C])
    expect([roleOf(trio, C), trio.state(C).shard.size]).toEqual(['serving', 1])
    trio.write(C, 61, 60)
    expect(trio.answers.at(-1)).toMatch(/^c ok 61 60@\d+ dup$/)
  })

  it('never waits longer than its hard bound', () => {
    const trio = new Trio({ bounds: { ...bounds, silentMs: 1_000_000, logEntriesHeld: 60 } })
    trio.lead(A, token(1, 1))
    trio.run()
    for (let sequence = 1; sequence <= 80; sequence++) {
      trio.write(A, sequence, sequence)
      trio.run([A, B])
      trio.lose([C])
      trio.tick(50)
      trio.run([A, B])
    }
    expect(trio.state(A).log.base.index).toBeGreaterThan(30)
    expect(trio.state(A).log.length).toBeLessThan(70)
  })
})

describe('what a higher generation goes on without', () => {
  it('is put in quarantine whole, the committed part as such, and the state is installed anew', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1), fed)
    trio.run()
    writes(trio, A, 1, 2)
    writes(trio, A, 3, 4, [A, B])
    trio.tick(50)
    trio.run([A, B])
    trio.write(A, 5, 5)
    trio.lose(THERE)
    trio.messages = []
    expect([trio.state(A).commitIndex, trio.state(B).commitIndex, trio.log(A)]).toEqual([5, 5, '1 1:1 1:2 1:3 1:4 1:5'])
    trio.lead(D, token(2, 1), { replicas: THERE })
    trio.run(THERE)
    trio.write(D, 6, 6, 'new')
    trio.run(THERE)
    // The old region has learned of it and follows.
    trio.feed(D, assigned(token(2, 1), { replicas: THERE, learners: ALL }))
    trio.run()
    trio.tick(REPLICA_BOUNDS.retryMs)
    trio.run()
    expect(left(trio, A)).toEqual(['1:3 committed 2', '1:4 committed 2', '1:5 maybe 2'])
    expect(left(trio, B)).toEqual(['1:3 committed 2', '1:4 committed 2'])
    expect(left(trio, C)).toEqual([])
    for (const node of [A, B, C, E]) {
      expect(trio.state(node).shard.full()).toEqual(trio.state(D).shard.full())
      expect(endOf(trio, node)).toEqual(endOf(trio, D))
    }
  })

  it('is reported from the state as far as it reaches, where the entries were trimmed', () => {
    const trio = new Trio({ bounds: { logEntriesMax: 12, logEntriesKept: 0, silentMs: 1 } })
    trio.lead(A, token(1, 1), fed)
    trio.run()
    for (let sequence = 1; sequence <= 30; sequence++) {
      trio.write(A, sequence, sequence)
      trio.run(ALL)
      trio.lose(THERE)
      trio.tick(50)
      trio.run(ALL)
    }
    const base = trio.state(A).log.base.index
    expect(base).toBeGreaterThan(5)
    trio.messages = []
    trio.lead(D, token(2, 1), { replicas: THERE, learners: ALL })
    trio.run(THERE)
    trio.run()
    trio.tick(REPLICA_BOUNDS.retryMs)
    trio.run()
    const rows = trio.quarantine.get(A) ?? []
    expect(rows.flatMap((row) => row.entry.items.map((item) => Number(item.sequence)))).toEqual(
      Array.from({ length: 30 }, (_, at) => at + 1),
    )
    expect(rows.map((row) => row.remains)).toEqual(rows.map((row) => row.entry.index <= base))
    expect(trio.state(A).shard.size).toBe(0)
  })

  it('is nothing of what a later leader of its own generation had dropped already', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1), fed)
    trio.run()
    trio.write(A, 1, 1)
    trio.messages = []
    trio.lead(B, token(1, 2), fed)
    trio.run([B, C, D, E, F])
    writes(trio, B, 2, 2, [B, C, D, E, F])
    trio.messages = []
    trio.lead(D, token(2, 1), { replicas: THERE, learners: ALL })
    trio.run()
    expect([trio.log(A), left(trio, A)]).toEqual(['1 2 2:2 2/1', []])
  })

  it('ends the process inside one generation', () => {
    const trio = new Trio({ rules: { writeQuorum: () => 1 } })
    trio.lead(A, token(1, 1))
    trio.run([A, B], ['seal'])
    trio.write(A, 1, 1)
    expect(trio.state(A).commitIndex).toBe(2)
    trio.messages = []
    trio.lead(B, token(1, 2))
    trio.run([B, C])
    expect(() => trio.run([A, B])).toThrow('I19')
  })

  it('is found without asking entry by entry', () => {
    const trio = new Trio({ bounds: { uncommittedEntriesMax: 1_000 } })
    trio.lead(A, token(1, 1), fed)
    trio.run()
    for (let sequence = 1; sequence <= 400; sequence++) trio.write(A, sequence, sequence)
    trio.messages = []
    trio.lead(D, token(2, 1), { replicas: THERE })
    trio.run(THERE)
    for (let sequence = 401; sequence <= 800; sequence++) trio.write(D, sequence, sequence)
    trio.run(THERE)
    trio.feed(D, assigned(token(2, 1), { replicas: THERE, learners: ALL }))
    let rounds = 0
    while (trio.log(A) !== trio.log(D)) {
      const next = trio.messages.findIndex(({ to }) => to === A)
      const [message] = next < 0 ? [] : trio.messages.splice(next, 1)
      if (message === undefined) break
      trio.deliver(message)
      rounds += 1
    }
    expect([trio.log(A) === trio.log(D), left(trio, A).length]).toEqual([true, 400])
    expect(rounds).toBeLessThan(6)
  })
})

describe('a frozen leader', () => {
  const operation = operationId('transfer-1')
  const freeze = { ...fed, freeze: operation }

  it('takes nothing new, answers what is applied, and tells its barrier once all is decided', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1), fed)
    trio.run()
    trio.write(A, 1, 1)
    trio.messages = []
    trio.lead(A, token(1, 2), freeze)
    expect([trio.answers, barrierOf(trio.state(A), operation)]).toEqual([['a unknown 1'], undefined])
    trio.run([A, B], ['seal'])
    expect(barrierOf(trio.state(A), operation)).toBe(undefined)
    trio.run([A, B])
    expect(barrierOf(trio.state(A), operation)).toEqual({ index: 3, token: token(1, 2) })
    expect(barrierOf(trio.state(A), operationId('another'))).toBe(undefined)
    trio.write(A, 2, 2)
    trio.write(A, 3, 1)
    trio.feed(A, { kind: 'read', id: 4 })
    expect(trio.answers.slice(1)).toEqual(['a RANGE_FROZEN 2', 'a ok 3 1@2 dup', 'a RANGE_FROZEN 4'])
    trio.lead(A, token(1, 3), fed)
    trio.run()
    trio.write(A, 5, 2)
    trio.run()
    expect([trio.answers.at(-1), barrierOf(trio.state(A), operation)]).toEqual(['a ok 5 2@5', undefined])
  })

  it('writes no trim marks: the log ends where the barrier was told', () => {
    const trio = new Trio({ bounds: { logEntriesMax: 5, logEntriesKept: 0 } })
    trio.lead(A, token(1, 1))
    trio.run()
    for (let sequence = 1; sequence <= 20; sequence++) trio.write(A, sequence, sequence)
    trio.run()
    trio.lead(A, token(1, 2), { freeze: operation })
    trio.run()
    const barrier = barrierOf(trio.state(A), operation)
    trio.tick(1_000)
    trio.run()
    expect([barrier?.index, barrierOf(trio.state(A), operation)]).toEqual([22, barrier])
  })
})

describe('two replica sets', () => {
  const both = { replicas: [A, B, D], prior: ALL }

  it('need a majority each to seal, to commit and to confirm a read', () => {
    const trio = new Trio()
    trio.lead(A, token(1, 1))
    trio.run()
    trio.lead(A, token(1, 2), both)
    trio.run([A, C], ['seal'])
    expect(roleOf(trio, A)).toBe('sealing')
    trio.run([A, D], ['seal'])
    expect(roleOf(trio, A)).toBe('leading')
    trio.run([A, D])
    expect(roleOf(trio, A)).toBe('leading')
    trio.run([A, C, D])
    expect(roleOf(trio, A)).toBe('serving')
    trio.write(A, 1, 1)
    trio.run([A, C])
    expect(trio.answers).toEqual([])
    trio.run([A, D])
    expect(trio.answers).toEqual(['a ok 1 1@3'])
    trio.feed(A, { kind: 'read', id: 2 })
    trio.run([A, D])
    expect(trio.answers.length).toBe(1)
    trio.run([A, C])
    expect(trio.answers.at(-1)).toBe('a read 2 at 3')
    // The new set alone, from here on.
    trio.lead(D, token(1, 3), { replicas: [A, B, D] })
    trio.run([A, D])
    expect([roleOf(trio, D), trio.log(D)]).toEqual(['serving', '1 2 2:1 3'])
  })
})
