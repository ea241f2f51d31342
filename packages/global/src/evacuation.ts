import { isMeridianError } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RegionId } from '@meridian/topology'
import type { GlobalView } from './global-view.ts'
import { hasEnded } from './journal.ts'
import { evacuationOperation, planEvacuation, planReturn, returnOperation } from './transfer-plan.ts'
import type { PlannedTransfer, PlanWorld } from './transfer-plan.ts'
import type { Transfers } from './transfers.ts'

/** Transfers of one evacuation at once. */
const MOVING_MAX = 4
/** Times a range is tried before it is given up on. */
const ATTEMPTS_MAX = 2

export interface EvacuationOptions {
  readonly transfers: Transfers
  readonly view: GlobalView
  readonly world: () => PlanWorld
  /** `evacuate`: every range leaves the region. `return`: what it lost comes back. */
  readonly verb: 'evacuate' | 'return'
  readonly region: RegionId
  /** With `return`: also ranges of which the region is merely the first standby. */
  readonly firstStandby?: boolean
  readonly reason: string
}

export interface EvacuationProgress {
  /** Ranges in transfer by it now. */
  readonly moving: readonly RangeDescriptor[]
  /** Ranges that have their turn later. */
  readonly waiting: number
  /** Ranges that it cannot move as things are, with what stands in the way. */
  readonly stuck: readonly PlannedTransfer[]
  /** Nothing is moving or waiting. */
  readonly done: boolean
}

/**
 * Moves all ranges of a region by planned transfers, a few at once, the biggest demand first. It remembers nothing: each
 * step looks at what is there, so that it can be stopped at any time and gone on with, by any server.
 */
export class EvacuationRunner {
  readonly #options: EvacuationOptions

  constructor(options: EvacuationOptions) {
    this.#options = options
  }

  /** Begins what may begin now. To be called again until `done`; a second apart is often enough. */
  async step(signal: AbortSignal): Promise<EvacuationProgress> {
    const { view, transfers, verb, region, reason, world } = this.#options
    const moving = new Set(
      [...view.journal.values()]
        .filter((entry) => entry.kind === 'transfer')
        .filter(
          (entry) => !hasEnded(entry) && entry.phase !== 'clean' && entry.operation.startsWith(`${verb}:${region}:`),
        )
        .map(({ rangeId }) => rangeId),
    )
    const stuck: PlannedTransfer[] = []
    let waiting = 0
    for (const planned of this.#plan(world())) {
      const { range, target, obstacles } = planned
      if (moving.has(range.rangeId)) continue
      const operation = this.#nextOperation(range)
      if (operation === undefined) {
        stuck.push({
          ...planned,
          obstacles: [...obstacles, { text: `${ATTEMPTS_MAX} transfers of it failed`, blocks: true }],
        })
      } else if (target === undefined || obstacles.some(({ blocks }) => blocks)) stuck.push(planned)
      else if (moving.size >= MOVING_MAX) waiting += 1
      else {
        try {
          const expectedGeneration = range.generation
          const { keyspace, start: key } = range
          await transfers.begin({ operation, keyspace, key, target, reason, expectedGeneration }, signal)
          moving.add(range.rangeId)
        } catch (error) {
          if (!isMeridianError(error) || signal.aborted) throw error
          stuck.push({ ...planned, obstacles: [...obstacles, { text: error.message, blocks: true }] })
        }
      }
    }
    return {
      moving: [...moving].flatMap((id) => view.range(id) ?? []),
      waiting,
      stuck,
      done: moving.size === 0 && waiting === 0,
    }
  }

  #plan(world: PlanWorld): readonly PlannedTransfer[] {
    const { verb, region, firstStandby } = this.#options
    return verb === 'evacuate' ? planEvacuation(region, world) : planReturn(region, world, firstStandby)
  }

  /** Undefined once every attempt was aborted. */
  #nextOperation(range: RangeDescriptor): OperationId | undefined {
    const { verb, region, view } = this.#options
    const operationOf = verb === 'evacuate' ? evacuationOperation : returnOperation
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const operation = operationOf(region, range, attempt)
      const entry = view.journal.get(operation)
      if (entry === undefined) return operation
    }
    return undefined
  }
}
