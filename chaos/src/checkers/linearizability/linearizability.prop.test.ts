import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judgeRegister } from './judge-register.ts'
import { applied } from './register-operation.ts'
import type { RegisterAction, RegisterOperation } from './register-operation.ts'
import { searchLinearization } from './search.ts'

/** One step of a client: think, ask, take effect in between, hear. All in ticks. */
const STEP = fc.record({
  client: fc.integer({ min: 0, max: 4 }),
  think: fc.integer({ min: 1, max: 6 }),
  before: fc.integer({ min: 0, max: 5 }),
  after: fc.integer({ min: 0, max: 5 }),
  f: fc.constantFrom('read', 'read', 'write', 'cas'),
  guess: fc.boolean(),
  fate: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'lost-request', 'lost-answer'),
})
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never

/** What a register that is right would have answered: linearizable by construction, every value written once. */
function play(steps: readonly Step[]): RegisterOperation[] {
  const free = new Map<number, number>()
  const planned = steps.map((step, i) => {
    const calledAt = (free.get(step.client) ?? 0) + step.think
    const at = calledAt + step.before
    free.set(step.client, at + step.after)
    return { ...step, i, calledAt, at, returnedAt: at + step.after }
  })
  const operations: RegisterOperation[] = []
  let held = ''
  for (const step of planned.toSorted((a, b) => a.at - b.at || a.i - b.i)) {
    const { i, f, guess, fate, calledAt } = step
    const lost = fate !== 'ok'
    const value = `=v${i}`
    if (f === 'read' && lost) continue
    const action: RegisterAction =
      f === 'read'
        ? { f, value: held }
        : f === 'write'
          ? { f, value }
          : { f, value, expected: lost && !guess ? '=other' : held }
    if (fate !== 'lost-request') held = applied(held, action) ?? held
    const returnedAt = lost ? Infinity : step.returnedAt
    operations.push({ name: `operation ${i}`, client: `c${step.client}`, calledAt, returnedAt, action })
  }
  return operations
}

/** By definition: some order of all that returned, and of any of the others, that respects time and explains answers. */
function bruteForce(operations: readonly RegisterOperation[], held = ''): boolean {
  if (operations.every(({ returnedAt }) => returnedAt === Infinity)) return true
  const bound = Math.min(...operations.map(({ returnedAt }) => returnedAt))
  return operations.some((operation, i) => {
    const next = operation.calledAt <= bound ? applied(held, operation.action) : undefined
    return next !== undefined && bruteForce(operations.toSpliced(i, 1), next)
  })
}

const histories = fc.array(STEP, { minLength: 1, maxLength: 120 }).map(play)

describe('the search', () => {
  it('finds the order of every history that has one by construction', () => {
    fc.assert(
      fc.property(histories, (operations) => {
        expect(judgeRegister(operations)).toMatchObject({ verdict: 'linearizable' })
      }),
      { numRuns: 300 },
    )
  })

  it('finds none when a read goes back behind a write that it followed', () => {
    const stale = fc.record({
      operations: fc.array(STEP, { minLength: 5, maxLength: 100 }).map(play),
      which: fc.nat(),
    })
    let planted = 0
    fc.assert(
      fc.property(stale, ({ operations, which }) => {
        const ended = Math.max(0, ...operations.map((each) => (each.returnedAt === Infinity ? 0 : each.returnedAt)))
        const reads = operations.filter(({ action }) => action.f === 'read' && action.value !== '')
        const seen = reads[which % Math.max(1, reads.length)]
        if (seen === undefined) return
        // Two more at the end: a write that is acknowledged, then a read that returns what had been read before it.
        const write: RegisterOperation = {
          name: 'the write',
          client: 'x',
          calledAt: ended + 1,
          returnedAt: ended + 2,
          action: { f: 'write', value: '=last' },
        }
        const read = { ...seen, name: 'the stale read', client: 'y', calledAt: ended + 3, returnedAt: ended + 4 }
        const judged = judgeRegister([...operations, write, read])
        // An unknown write of the same value may still come, so the read may be right after all.
        const unknowns = operations
          .filter(({ returnedAt }) => returnedAt === Infinity)
          .map(({ action }) => action.value)
        if (unknowns.includes(seen.action.value)) return
        planted += 1
        expect(judged).toMatchObject({ verdict: 'not-linearizable' })
        expect(judged).toHaveProperty('why', expect.stringContaining('the stale read read ='))
      }),
      { numRuns: 300 },
    )
    expect(planted).toBeGreaterThan(20)
  })

  it('agrees with the definition on short histories, right and wrong', () => {
    const seen = { linearizable: 0, 'not-linearizable': 0, unknown: 0 }
    const swapped = fc.record({
      operations: fc.array(STEP, { minLength: 2, maxLength: 9 }).map(play),
      a: fc.nat(),
      b: fc.nat(),
    })
    fc.assert(
      fc.property(swapped, ({ operations, a, b }) => {
        if (operations.length === 0) return
        const [x, y] = [operations[a % operations.length], operations[b % operations.length]]
        const mutated = operations.map((each) =>
          each === x && y !== undefined
            ? { ...each, action: y.action }
            : each === y && x
              ? { ...each, action: x.action }
              : each,
        )
        const { verdict } = searchLinearization(mutated, '', 1_000_000)
        seen[verdict] += 1
        expect(verdict).toBe(bruteForce(mutated) ? 'linearizable' : 'not-linearizable')
      }),
      { numRuns: 2000 },
    )
    expect(seen['linearizable']).toBeGreaterThan(100)
    expect(seen['not-linearizable']).toBeGreaterThan(100)
    expect(seen.unknown).toBe(0)
  })

  it('leaves open what it cannot decide within its budget', () => {
    const operations = play(
      Array.from({ length: 60 }, (_, i) => ({
        client: i % 5,
        think: 1,
        before: 2,
        after: 3,
        f: 'write',
        guess: false,
        fate: 'ok',
      })),
    )
    const limits = { operationsMax: 200, clientsMax: 8, stepsMax: 10 }
    expect(judgeRegister(operations, '', limits)).toMatchObject({
      verdict: 'unknown',
      why: 'no answer within 10 steps',
    })
    expect(judgeRegister(operations, '', { ...limits, clientsMax: 4 })).toMatchObject({ why: '5 clients, at most 4' })
    expect(judgeRegister(operations, '', { ...limits, operationsMax: 59 })).toMatchObject({
      why: '60 operations, at most 59',
    })
  })
})
