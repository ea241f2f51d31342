import type { World } from '@meridian/lab'
import { silentLogger } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { openEtcdStore } from '@meridian/store/etcd'
import type { Recorder } from '../history/recorder.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { prefixesOf } from './ordered-prefixes.ts'
import { StoreWitness } from './store-witness.ts'

const REQUEST_MS_MAX = 3000

/**
 * Witnesses of all stores of a world, on connections around the emulated WAN: one of each region's, and two of G's at
 * different voters, as long as both are up. Each goes on at another member when its own is gone.
 */
export class WorldWitnesses implements AsyncDisposable {
  readonly #global: readonly StoreWitness[]
  readonly #regional: readonly StoreWitness[]

  private constructor(global: readonly StoreWitness[], regional: readonly StoreWitness[]) {
    this.#global = global
    this.#regional = regional
  }

  static async open(
    { regions }: Pick<World, 'regions'>,
    recorder: Pick<Recorder, 'record'>,
    clock: Clock,
  ): Promise<WorldWitnesses> {
    const open = async (witness: string, tier: string, decodes: boolean, endpoints: readonly string[]) => {
      const store = await openEtcdStore({ endpoints, clock, log: silentLogger, requestTimeoutMs: REQUEST_MS_MAX })
      const prefixes = prefixesOf(tier)
      return new StoreWitness({ witness, tier, decodes, prefixes, store, recorder, clock })
    }
    const voters = regions.flatMap(({ globalEtcd }) => (globalEtcd === undefined ? [] : [globalEtcd.clientUrl]))
    const global = [await open('g-1', GLOBAL_TIER, true, voters)]
    if (voters.length > 1) global.push(await open('g-2', GLOBAL_TIER, false, voters.toReversed()))
    const regional: StoreWitness[] = []
    for (const { id, regionEtcd } of regions) {
      const members = regionEtcd.map(({ clientUrl }) => clientUrl)
      regional.push(await open(id, id, true, members))
    }
    return new WorldWitnesses(global, regional)
  }

  /**
   * Regions first: whatever of G they rest on was committed before their watches ended, so G's, read later, has it. That
   * is what lets a checker ask for existence without comparing times of two tiers.
   */
  async finish(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#regional.map((witness) => witness.finish(signal)))
    await Promise.all(this.#global.map((witness) => witness.finish(signal)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#regional, ...this.#global].map((witness) => witness[Symbol.asyncDispose]()))
  }
}
