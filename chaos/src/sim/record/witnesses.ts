import type { Clock } from '@meridian/loop'
import { MemoryStore } from '@meridian/store/memory'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import { prefixesOf } from '../../witness/ordered-prefixes.ts'
import { StoreWitness } from '../../witness/store-witness.ts'
import type { SimEtcd } from '../store/sim-etcd.ts'
import type { SimRecorder } from './sim-recorder.ts'

/** Witnesses of every store of a world, with nothing between them and what is committed. */
export class SimWitnesses {
  readonly #witnesses: readonly StoreWitness[]

  constructor(stores: Iterable<SimEtcd>, recorder: SimRecorder, clock: Clock) {
    const witnesses: StoreWitness[] = []
    for (const { name, cluster } of stores) {
      const told = { tier: name, prefixes: prefixesOf(name), recorder: recorder.recorder, clock }
      const open = (witness: string, decodes: boolean) =>
        new StoreWitness({ ...told, witness, decodes, store: new MemoryStore(cluster) })
      witnesses.push(open(name === GLOBAL_TIER ? 'g-1' : name, true))
      if (name === GLOBAL_TIER) witnesses.push(open('g-2', false))
    }
    this.#witnesses = witnesses
  }

  /** Regions first: whatever of G they rest on was committed before their watches ended, so G's, read later, has it. */
  async finish(signal: AbortSignal): Promise<void> {
    for (const witness of this.#witnesses.toReversed()) await witness.finish(signal)
  }
}
