import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyspaceName, operationId, rangeId, regionId } from './ids.ts'
import { EMPTY_KEY, keyOfText } from './key.ts'
import type { Key } from './key.ts'
import { InvariantChecker } from './invariant-checker.ts'
import { OwnershipTwin } from './ownership-twin.ts'
import { decideOwnership } from './ownership.ts'
import type { OwnershipDecision } from './ownership-rules.ts'
import type { OwnershipCommand } from './ownership.ts'
import { RangeMap } from './range-map.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { generation } from './token.ts'

const keyspace = keyspaceName('cities')
const alphabet = ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(keyOfText)
const anyAlphabetKey = fc.constantFrom(...alphabet)
const someKeys = fc.uniqueArray(anyAlphabetKey, { minLength: 1, maxLength: 3 })
const standbys = fc.constantFrom([], ['x'], ['y', 'x']).map((names) => names.map(regionId))
const owner = fc.constantFrom('eu', 'us').map(regionId)
const region = fc.constantFrom('eu', 'us', 'x').map(regionId)
const belief = fc.record({ start: anyAlphabetKey, generation: fc.integer({ min: 1, max: 4 }).map(generation) })
const expected = fc.oneof(
  { weight: 9, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.array(belief, { minLength: 1, maxLength: 2 }) },
)

const command: fc.Arbitrary<OwnershipCommand> = fc
  .oneof(
    { weight: 4, arbitrary: someKeys.map((at) => ({ kind: 'split' as const, keyspace, at })) },
    { weight: 4, arbitrary: anyAlphabetKey.map((at) => ({ kind: 'merge' as const, keyspace, at })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(someKeys, fc.array(fc.record({ owner, standbys }), { minLength: 3, maxLength: 3 }))
        .map(([starts, to]) => ({
          kind: 'assign' as const,
          keyspace,
          assignments: starts.map((start, index) => ({
            start,
            ...(to[index] ?? { owner: regionId('eu'), standbys: [] }),
          })),
        })),
    },
    { weight: 2, arbitrary: someKeys.map((starts) => ({ kind: 'activate' as const, keyspace, starts })) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(anyAlphabetKey, fc.constantFrom('t1', 't2').map(operationId), region)
        .chain(([start, transfer, target]) =>
          fc.constantFrom(
            { kind: 'begin-transfer' as const, keyspace, start, transfer, target },
            { kind: 'freeze-transfer' as const, keyspace, start, transfer },
            { kind: 'commit-transfer' as const, keyspace, start, transfer, target },
            { kind: 'abort-transfer' as const, keyspace, start, transfer },
          ),
        ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(someKeys, owner, region).map(([starts, from, target]) => ({
        kind: 'take-over' as const,
        keyspace,
        from,
        takes: starts.map((start) => ({ start, target })),
      })),
    },
  )
  .chain((base) => expected.map((beliefs) => (beliefs === undefined ? base : { ...base, expected: beliefs })))

/** Commands, and whether each is to be `snapped`. */
const steps = (minLength: number, maxLength: number): fc.Arbitrary<[OwnershipCommand, boolean][]> =>
  fc.array(fc.tuple(command, fc.boolean()), { minLength, maxLength, size: 'max' })

const create: OwnershipCommand = { kind: 'create-keyspace', keyspace, owner: regionId('eu'), standbys: [] }

function cellsOf(map: RangeMap): unknown[] {
  return alphabet.flatMap((key) => {
    const range = map.find(keyspace, key)
    if (range === undefined) return []
    const { owner: by, standbys: next, generation: gen, status, start } = range
    const transfer = status === 'moving' || status === 'frozen' ? range.operation : ''
    return [{ key, start: start === key, owner: by, standbys: next.join(), generation: gen, status, transfer }]
  })
}

/**
 * The command with its starts moved down to where ranges do start. Keys drawn blindly are mostly no starts, and then
 * only refusals are compared.
 */
function snapped(command: OwnershipCommand, map: RangeMap): OwnershipCommand {
  const snap = (key: Key): Key => map.find(keyspace, key)?.start ?? key
  switch (command.kind) {
    case 'merge':
      return { ...command, at: snap(command.at) }
    case 'assign': {
      const byStart = new Map(
        command.assignments.map((each) => [snap(each.start), { ...each, start: snap(each.start) }]),
      )
      return { ...command, assignments: [...byStart.values()] }
    }
    case 'activate':
      return { ...command, starts: [...new Set(command.starts.map(snap))] }
    case 'take-over': {
      const byStart = new Map(command.takes.map((each) => [snap(each.start), { ...each, start: snap(each.start) }]))
      return { ...command, takes: [...byStart.values()] }
    }
    case 'begin-transfer':
    case 'freeze-transfer':
    case 'commit-transfer':
    case 'abort-transfer':
      return { ...command, start: snap(command.start) }
    case 'split':
    case 'create-keyspace':
    case 'set-policy':
      return command
  }
}

/** Runs commands on the real thing and the twin, and gives what the checker found. */
function run(
  commands: readonly OwnershipCommand[],
  decide = decideOwnership,
  snap: readonly boolean[] = [],
): { violations: string[]; done: string[] } {
  const checker = new InvariantChecker(alphabet)
  const twin = new OwnershipTwin(alphabet)
  const violations: string[] = []
  let map = RangeMap.empty
  let nextRangeId = rangeId(1)
  const done: string[] = []
  for (const [index, drawn] of commands.entries()) {
    const next = snap[index] === true ? snapped(drawn, map) : drawn
    const context = {
      operation: operationId(`op-${index}`),
      stamp: { wallMs: index, counter: 0, origin: 'eu' },
      nextRangeId,
    }
    const decision = decide(map, next, context)
    const refused = twin.apply(next)
    if (decide === decideOwnership) expect(decision.ok ? undefined : decision.error.code).toBe(refused)
    if (!decision.ok) continue
    done.push(next.kind)
    expectGuarded(map, decision)
    map = map.apply(decision.puts, decision.removes)
    nextRangeId = decision.nextRangeId
    const violation = checker.observeRanges(map.list(keyspace))
    if (violation !== undefined) violations.push(violation)
    if (decide === decideOwnership) {
      expect(map.violation()).toBeUndefined()
      expect(cellsOf(map)).toEqual(twin.cells)
      for (const range of decision.puts)
        expect(range).toMatchObject({
          operation: 'transfer' in next ? next.transfer : context.operation,
          stamp: context.stamp,
        })
    }
  }
  return { violations, done }
}

/** Whatever a decision replaces or removes is among what its transaction is guarded on. */
function expectGuarded(map: RangeMap, decision: OwnershipDecision & { ok: true }): void {
  for (const place of [...decision.puts, ...decision.removes]) {
    const stands = map.get(keyspace, place.start)
    if (stands !== undefined) expect(decision.touched).toContain(stands)
  }
}

test('T1, T2: every sequence of commands agrees with the twin and keeps the partition and the generations', () => {
  const done = new Map<string, number>()
  fc.assert(
    fc.property(fc.oneof(steps(0, 6), steps(20, 40), steps(20, 40)), (drawn) => {
      const commands = drawn.map(([each]) => each)
      const snap = drawn.map(([, each]) => each)
      const result = run([create, ...commands], decideOwnership, [false, ...snap])
      expect(result.violations).toEqual([])
      for (const kind of result.done) done.set(kind, (done.get(kind) ?? 0) + 1)
    }),
    { numRuns: 300 },
  )
  // A generator whose commands are all refused would prove nothing.
  for (const kind of ['split', 'merge', 'assign', 'activate']) expect(done.get(kind), kind).toBeGreaterThan(100)
})

const split = (...at: string[]): OwnershipCommand => ({ kind: 'split', keyspace, at: at.map(keyOfText) })
const merge = (at: string): OwnershipCommand => ({ kind: 'merge', keyspace, at: keyOfText(at) })

/** Ends with [b, d) at generation 3 and [d, ∞) at generation 10. */
const unequal = [create, split('d'), split('b'), ...roundTrips('h', 4)]

function roundTrips(at: string, count: number): OwnershipCommand[] {
  return Array.from({ length: count }, () => [split(at), merge(at)]).flat()
}

test('T2: merge then split at the same key comes back to the bounds, never to the generation', () => {
  const seen: RangeDescriptor[] = []
  const spy: typeof decideOwnership = (map, next, context) => {
    const decision = decideOwnership(map, next, context)
    if (decision.ok)
      seen.push(...decision.puts.filter((range) => range.start === keyOfText('d') && range.end === EMPTY_KEY))
    return decision
  }
  expect(run([create, ...roundTrips('d', 3)], spy).violations).toEqual([])
  expect(seen.map((range) => range.generation)).toEqual([2n, 4n, 6n])
  expect(new Set(seen.map((range) => range.rangeId)).size).toBe(3)
})

/** The real decision with its puts changed by `wrong`. */
function mistaken(
  kind: OwnershipCommand['kind'],
  wrong: (
    put: RangeDescriptor,
    index: number,
    decision: OwnershipDecision & { ok: true },
  ) => RangeDescriptor | undefined,
): typeof decideOwnership {
  return (map, next, context) => {
    const decision = decideOwnership(map, next, context)
    if (!decision.ok || next.kind !== kind) return decision
    const puts = decision.puts.map((put, index) => wrong(put, index, decision)).filter((put) => put !== undefined)
    return { ...decision, puts }
  }
}

test('the checker sees a merge to the left generation + 1 (T2)', () => {
  const leftPlusOne = mistaken('merge', (put, _, { touched: [left] }) => ({
    ...put,
    generation: generation((left?.generation ?? 0n) + 1n),
  }))
  expect(run([...unequal, merge('d')]).violations).toEqual([])
  // A leader of the right half, token generation 10, would look newer than the merged range at 4.
  expect(run([...unequal, merge('d')], leftPlusOne).violations[0]).toBe('T2: key "d" went from generation 10 to 4')
})

test.each<[string, typeof decideOwnership, OwnershipCommand[], RegExp]>([
  [
    'a split that keeps the generation of the left half (T2)',
    mistaken('split', (put, index) => (index === 0 ? { ...put, generation: generation(put.generation - 1n) } : put)),
    [split('d')],
    /^T2: key "" /,
  ],
  [
    'a split that loses a child (T1)',
    mistaken('split', (put, index) => (index === 0 ? put : undefined)),
    [split('d')],
    /^T1: key "d" is in 0/,
  ],
  [
    'a split that does not cut the parent (T1)',
    mistaken('split', (put) => ({ ...put, end: EMPTY_KEY })),
    [split('d')],
    /^T1: key "d" is in 2/,
  ],
  [
    'a change of owner under the same generation (T2)',
    mistaken('assign', (put) => ({ ...put, generation: generation(1) })),
    [{ kind: 'assign', keyspace, assignments: [{ start: EMPTY_KEY, owner: regionId('us'), standbys: [] }] }],
    /^T2: key "" went from generation 1 to 1/,
  ],
  [
    'a split that gives out an old range id (T6)',
    mistaken('split', (put, index) => (index === 0 ? put : { ...put, rangeId: rangeId(2) })),
    [split('d'), merge('d'), split('d')],
    /^T6: range id 2 was used again/,
  ],
])('the checker sees %s', (_, wrong, commands, violation) => {
  expect(run([create, ...commands]).violations).toEqual([])
  expect(run([create, ...commands], wrong).violations[0]).toMatch(violation)
})
