import { afterAll, beforeAll, describe } from 'vitest'
import type { SuiteContext } from './context.ts'
import { electionSuite } from './election-suite.ts'
import { readSuite } from './read-suite.ts'
import { txnSuite } from './txn-suite.ts'
import { watchSuite } from './watch-suite.ts'
import type { StoreWorld, WorldClient } from './world.ts'
import { writeFaultSuite } from './write-fault-suite.ts'

/** What every implementation of the port must do; one world serves the whole suite, each test under its own keys. */
export function storeConformance(name: string, makeWorld: () => Promise<StoreWorld>): void {
  describe(`store: ${name}`, () => {
    let world: StoreWorld | undefined
    let main: WorldClient | undefined
    let prefixes = 0
    beforeAll(async () => {
      world = await makeWorld()
      main = await world.client()
    })
    afterAll(async () => {
      await world?.[Symbol.asyncDispose]()
    })
    const made = <T>(value: T | undefined): T => {
      if (value === undefined) throw new Error('the world is not there')
      return value
    }
    const context: SuiteContext = {
      world: () => made(world),
      main: () => made(main),
      prefix: () => `/t${++prefixes}/`,
    }
    txnSuite(context)
    readSuite(context)
    watchSuite(context)
    writeFaultSuite(context)
    electionSuite(context)
  })
}
