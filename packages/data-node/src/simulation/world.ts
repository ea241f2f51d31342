import type { NodeId } from '@meridian/topology'
import type { ShardRecord } from '../fence/shard-record.ts'
import type { SimController } from './controller.ts'
import type { EventQueue } from './event-queue.ts'
import type { SimNode } from './sim-node.ts'

/** What those who make trouble in a simulation may touch. */
export interface World {
  readonly queue: EventQueue
  readonly random: { next(): number; int(n: number): number; pick<T>(items: readonly T[]): T }
  readonly ids: readonly NodeId[]
  readonly nodes: readonly SimNode[]
  /** `from>to` of what is cut; `controller` is an end like any other, and `<node>>appends` cuts all appends of a node. */
  readonly cuts: Set<string>
  /** False once the world heals: no more trouble from then on. */
  faulty(): boolean
  newest(): ShardRecord
  readonly controller: SimController
  /** The controller names a leader in its present life, under a higher token than any before. */
  name(leader: SimNode, mayMove?: boolean): void
  crash(node: SimNode, downMsMax: number): void
}
