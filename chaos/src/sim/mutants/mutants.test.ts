import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALL_CHECKERS } from '../../checkers/all-checkers.ts'
import { MUTANTS, mutantNamed } from './registry.ts'
import { ROWS } from './rows.ts'
import { huntMutant } from './run-mutants.ts'

const ROOT = new URL('../../../../', import.meta.url)

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

  it.each(ROWS)('$mistake: somebody makes the mistake', ({ mutants, elsewhere = [] }) => {
    for (const name of mutants) expect(mutantNamed(name).name).toBe(name)
    for (const { file, name } of elsewhere) expect(readFileSync(new URL(file, ROOT), 'utf8')).toContain(name)
    expect(mutants.length + elsewhere.length).toBeGreaterThan(0)
  })

  it('it is a checker that has to notice', () => {
    const checkers = ALL_CHECKERS.map(({ name }) => name)
    for (const { killedBy } of MUTANTS) expect(checkers).toEqual(expect.arrayContaining([...killedBy]))
  })

  it('each has a name of its own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  })
})
