import type { World, WorldRegion } from '@meridian/lab'
import type { Clock } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import type { KeyspaceName, OperationId } from '@meridian/topology'
import type { CountryPlan } from '../cities/plan.ts'
import type { Recorder } from '../history/recorder.ts'
import type { Printer } from '../report/printer.ts'
import type { WorldWitnesses } from '../witness/world-witnesses.ts'
import type { RecordedClient } from './recorded-client.ts'

/** What all acts share. */
export interface DemoContext {
  readonly world: World
  readonly witnesses: WorldWitnesses
  readonly recorder: Recorder
  readonly printer: Printer
  readonly clock: Clock
  readonly signal: AbortSignal
  /** One in each region, in the order of the world's regions. */
  readonly clients: readonly RecordedClient[]
  readonly keyspace: KeyspaceName
  /** In key order. */
  readonly plan: readonly CountryPlan[]
  readonly random: () => number
  /** A new one each time. */
  readonly operation: (what: string) => OperationId
}

/** What an act found out, for machines: anything that JSON can hold. */
export type Figures = Readonly<Record<string, unknown>>

export interface Act {
  readonly name: string
  /** One sentence. */
  readonly shows: string
  /** @throws MeridianError when it cannot be played to its end; what was recorded until then is judged all the same */
  readonly play: (context: DemoContext) => Promise<Figures>
}

export function clientIn(context: Pick<DemoContext, 'clients'>, region: string): RecordedClient {
  const found = context.clients.find((client) => client.region.id === region)
  if (found === undefined) throw new MeridianError('REGION_UNKNOWN', `the demo has no client in ${region}`)
  return found
}

export function regionIn(world: World, region: string): WorldRegion {
  const found = world.regions.find((each) => each.id === region)
  if (found === undefined) throw new MeridianError('REGION_UNKNOWN', `the world has no region ${region}`)
  return found
}
