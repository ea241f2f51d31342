import fc from 'fast-check'
import { generation, keyspaceName, operationId, rangeId, regionId, revision } from '@meridian/topology'
import { expect, test } from 'vitest'
import {
  decodeJournal,
  encodeJournal,
  hasEnded,
  TAKEOVER_PHASES,
  takeoverOperation,
  TRANSFER_PHASES,
} from './journal.ts'
import type { JournalEntry } from './journal.ts'

const count = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const wall = fc.integer({ min: 0, max: 2 ** 48 })
const region = fc.constantFrom('eu-west', 'us-east').map(regionId)

const entry: fc.Arbitrary<JournalEntry> = fc.oneof(
  fc.record({
    kind: fc.constant('transfer' as const),
    operation: fc.constant(operationId('move-1')),
    opSeq: fc.nat(),
    keyspace: fc.constant(keyspaceName('cities')),
    rangeId: fc.integer({ min: 1, max: 99 }).map(rangeId),
    source: region,
    target: region,
    generation: count.map(generation),
    phase: fc.constantFrom(...TRANSFER_PHASES),
    reason: fc.string(),
    startedWallMs: wall,
    updatedWallMs: wall,
    note: fc.string(),
  }),
  fc.record({
    kind: fc.constant('takeover' as const),
    operation: fc.constant(takeoverOperation(regionId('eu-west'), 7n)),
    region,
    term: count,
    authority: fc.string(),
    elect: count.map(revision),
    counter: count,
    waitedMs: wall,
    forced: fc.boolean(),
    observedWallMs: wall,
    updatedWallMs: wall,
    ranges: fc.nat(),
    left: fc.nat(),
    phase: fc.constantFrom(...TAKEOVER_PHASES),
    note: fc.string(),
  }),
)

test('every entry reads as it was written', () => {
  fc.assert(
    fc.property(entry, (each) => {
      expect(decodeJournal(encodeJournal(each))).toEqual(each)
    }),
  )
})

test('an entry with a field too many, or too few, is not read', () => {
  fc.assert(
    fc.property(entry, fc.nat(), (each, pick) => {
      const fields = JSON.parse(Buffer.from(encodeJournal(each)).toString()) as Record<string, unknown>
      const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))
      expect(() => decodeJournal(bytes({ ...fields, extra: 1 }))).toThrow(/canonical/)
      const names = Object.keys(fields)
      delete fields[names[pick % names.length] ?? '']
      expect(() => decodeJournal(bytes(fields))).toThrow(/does not decode/)
    }),
  )
})

test('what has ended', () => {
  const ended = new Set<string>()
  fc.assert(
    fc.property(entry, (each) => void (hasEnded(each) && ended.add(each.phase))),
    { numRuns: 500 },
  )
  expect([...ended].toSorted()).toEqual(['aborted', 'done', 'stopped'])
})
