import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MUTANTS } from './registry.ts'
import { huntMutant } from './run-mutants.ts'

// Errors are made by the thousand here and shown by nobody.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

describe('a checker notices when', () => {
  it.each(MUTANTS)(
    '$breaks ($name)',
    async (mutant) => {
      const { killed, seeds } = await huntMutant(mutant, new AbortController().signal)
      expect(killed, `${mutant.name}: not noticed in ${seeds} seeds`).toBeDefined()
    },
    300_000,
  )

  it('each has a name of its own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  })
})
