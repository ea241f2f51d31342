import type { DataNode } from '@meridian/data-node'
import type { FaultStep } from '../faults/fault-step.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { SimEtcd } from '../store/sim-etcd.ts'
import type { Bends } from '../world/bends.ts'
import type { Profile } from '../world/plan.ts'
import type { SimWorld } from '../world/world.ts'

/** What bends may look at. */
export interface BendHost {
  readonly random: SimRandom
  readonly node: (name: string) => DataNode | undefined
  readonly store: (name: string) => SimEtcd
  /** Later, in true time. */
  readonly after: (ms: number, act: () => void) => void
}

/** A mistake that the program might have, and who has to notice it. */
export interface Mutant {
  readonly name: string
  /** In words: what is done in place of what. */
  readonly breaks: string
  /** Checkers of which one has to find it; that the program itself notices does not count. */
  readonly killedBy: readonly string[]
  /** Seeds within which it has to be found. */
  readonly seeds: number
  /** Where the search begins: near a seed that was once seen to find it, which saves time and nothing else. */
  readonly firstSeed?: number
  /** Anew for each world: what it remembers is of that one. */
  readonly bends: (host: BendHost) => Bends
  /** What the world has to be like for the mistake to matter. */
  readonly profile?: Partial<Profile>
  /** Faults that bring it out, in place of those drawn for every world. */
  readonly faults?: (world: SimWorld, random: SimRandom) => readonly FaultStep[]
}
