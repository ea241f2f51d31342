import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SessionTable } from './session-table.ts'
import { decodeSession, encodeSession } from '../storage/session-codec.ts'

const BOUNDS = { sessionSequencesMax: 6, sessionWindowsMax: 2 }

const batches = fc.array(
  fc.record({
    session: fc.constantFrom('a', 'b', 'c', 'd'),
    sequences: fc.array(fc.bigInt({ min: 0n, max: 30n }), { minLength: 1, maxLength: 5 }),
    stored: fc.boolean(),
  }),
  { maxLength: 60 },
)

describe('the table of applied sequences', () => {
  it('never lets a pair be applied twice, remembers the last ones, and survives being stored at any point', () => {
    fc.assert(
      fc.property(batches, (steps) => {
        let table = new SessionTable(BOUNDS)
        const twin = new SessionTable(BOUNDS)
        const stored = new Map<string, Uint8Array>()
        /** The naive twin: everything ever applied. */
        const applied = new Map<string, number>()
        for (const [at, step] of steps.entries()) {
          for (const sequence of step.sequences) {
            const status = table.status(step.session, sequence)
            expect(status).toEqual(twin.status(step.session, sequence))
            const known = applied.get(`${step.session}/${sequence}`)
            if (status.kind === 'fresh') {
              // The one thing that must never happen: fresh, and yet applied before.
              expect(known).toBeUndefined()
              table.add(step.session, sequence, at + 1)
              twin.add(step.session, sequence, at + 1)
              applied.set(`${step.session}/${sequence}`, at + 1)
            }
            if (status.kind === 'applied') expect(status.index).toBe(known)
          }
          if (step.stored) {
            for (const record of table.takeDirty()) stored.set(record.session, encodeSession(record))
            table = new SessionTable(
              BOUNDS,
              [...stored].map(([session, bytes]) => decodeSession(session, bytes)),
            )
          }
        }
        const byName = (list: ReturnType<SessionTable['all']>) =>
          list.toSorted((a, b) => (a.session < b.session ? -1 : 1))
        expect(byName(table.all())).toEqual(byName(twin.all()))
      }),
    )
  })

  it('keeps a window of the highest sequences and refuses what lies below', () => {
    const table = new SessionTable({ sessionSequencesMax: 4096, sessionWindowsMax: 1 })
    for (let sequence = 0n; sequence < 5000n; sequence++) table.add('s', sequence, 1 + Number(sequence / 500n))
    expect([
      table.status('s', 903n),
      table.status('s', 904n),
      table.status('s', 4999n),
      table.status('s', 5000n),
    ]).toEqual([{ kind: 'expired' }, { kind: 'applied', index: 2 }, { kind: 'applied', index: 10 }, { kind: 'fresh' }])
    // A batch is one run: ten entries were applied.
    expect(table.all()[0]?.runs.length).toBeLessThanOrEqual(10)
    table.add('t', 1n, 11)
    expect([table.status('s', 4999n), table.status('s', 5000n)]).toEqual([{ kind: 'expired' }, { kind: 'fresh' }])
  })
})
