import type { Clock, Logger } from '@meridian/loop'
import { aborted, LoopScope } from '@meridian/loop'
import { shardRecordOf } from '@meridian/protocol'
import type { ShardRecord } from '@meridian/protocol'
import { campaign, watchLeader } from '@meridian/store'
import type { Leader, Store } from '@meridian/store'
import { MeridianError } from '@meridian/topology'
import type { Key, NodeDuty, NodeId, OperationId, Page, RangeDescriptor, RegionId, ShardId } from '@meridian/topology'
import type { ControllerHealth } from './controller-health.ts'
import { ControllerTerm } from './controller-term.ts'
import type { NodeHoldings } from './node-leases.ts'
import { movesOf } from './move-driver.ts'
import type { MoveOrder } from './move-driver.ts'
import type { ReplicaMove } from './move-record.ts'
import type { OrderingWriter } from './ordering-writer.ts'
import type { OtherRegions } from './other-regions.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { REGION_TIMING, timingComplaint } from './region-timing.ts'
import type { RegionTiming } from './region-timing.ts'
import type { RegionView } from './region-view.ts'
import type { ReplicaPositions } from './replica-positions.ts'
import type { RenewalAnswer, RenewalRequest } from './renewal-batcher.ts'

/** Role of the regional controller in E's elections. */
export const CONTROLLER_ROLE = 'controller'

export interface RegionControllerOptions {
  readonly region: RegionId
  readonly store: Store
  readonly view: RegionView
  readonly ranges: OwnedRanges
  readonly others: OtherRegions
  readonly writer: OrderingWriter
  /** `host:port` of this server's API: where others send what only the controller does. */
  readonly address: string
  /** Replicas of a shard that is opened. Default 3. */
  readonly replicaCount?: number
  /** Default REGION_TIMING. */
  readonly timing?: RegionTiming
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  /** Asks the region's nodes how far their replicas are. */
  readonly positions: ReplicaPositions
  /** Wall clock, ms: only for what people are shown. */
  readonly wallMs: () => number
  /** Told what each commit of renewals took, ms. Must not throw. */
  readonly onRenewals?: (tookMs: number) => void
}

/**
 * This server's part in controlling its region: it campaigns, acts while it leads, and otherwise knows who does.
 * Disposal resigns.
 */
export class RegionController implements AsyncDisposable {
  readonly #options: RegionControllerOptions
  readonly #timing: RegionTiming
  readonly #scope: LoopScope
  #term: ControllerTerm | undefined
  #leader: Leader | undefined

  constructor(options: RegionControllerOptions) {
    this.#options = options
    this.#timing = options.timing ?? REGION_TIMING
    const complaint = timingComplaint(this.#timing)
    if (complaint !== undefined) throw new MeridianError('CONFIG_INVALID', `region timing: ${complaint}`)
    this.#scope = new LoopScope(options.log)
    this.#scope.start('controller', (signal) => this.#campaign(signal))
    this.#scope.start('controller-watch', (signal) => this.#watch(signal))
  }

  get isController(): boolean {
    return this.#term !== undefined
  }

  /** Address of the server that is controller, as far as known here. */
  get controllerAddress(): string | undefined {
    return this.#term === undefined ? this.#leader?.value : this.#options.address
  }

  /**
   * Commits a renewal. See `RenewalBatcher.renew`; every method here throws NOT_CONTROLLER, with the controller's
   * address as `controller` in the details when one is known, on a server that does not lead.
   */
  renew(request: RenewalRequest, signal: AbortSignal): Promise<RenewalAnswer> {
    return this.#acting((term) => term.renew(request, signal))
  }

  /** See `ControllerCommands.openRange`. */
  openRange(range: RangeDescriptor, bounds: readonly Key[], signal: AbortSignal): Promise<Page> {
    return this.#acting((term) => term.commands.openRange(range, bounds, signal))
  }

  /** See `ControllerCommands.handOver`. Resolves with the record of the shard under its new leader. */
  async handOver(shard: ShardId, target: NodeId | undefined, signal: AbortSignal): Promise<ShardRecord> {
    const { view, region } = this.#options
    await this.#acting((term) => term.commands.handOver(shard, target, signal))
    const found = view.shard(shard)
    if (found === undefined) throw new MeridianError('SHARD_UNKNOWN', `Shard ${shard} is gone from this region.`)
    return shardRecordOf(
      found.stored.page,
      found.index,
      region,
      new Map(view.nodeRecords().map((node) => [node.nodeId, node])),
    )
  }

  /** See `ControllerCommands.setDuty`. */
  setDuty(node: NodeId, duty: NodeDuty, forced: boolean, signal: AbortSignal): Promise<NodeHoldings> {
    return this.#acting((term) => term.commands.setDuty(node, duty, forced, signal))
  }

  /** See `MoveDriver.begin`. */
  moveReplica(order: MoveOrder, signal: AbortSignal): Promise<ReplicaMove> {
    return this.#acting((term) => term.moves.begin(order, signal))
  }

  /** See `MoveDriver.abort`. */
  abortMove(operation: OperationId, signal: AbortSignal): Promise<ReplicaMove> {
    return this.#acting((term) => term.moves.abort(operation, signal))
  }

  /** Moves under way and lately over, as this server sees them, oldest first; any server can answer. */
  moves(): ReplicaMove[] {
    return movesOf(this.#options.view)
  }

  /** What keeps the region's controller from doing more; undefined on a server that is not it. */
  health(): ControllerHealth | undefined {
    return this.#term?.health()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
  }

  async #acting<T>(act: (term: ControllerTerm) => Promise<T>): Promise<T> {
    const term = this.#term
    if (term !== undefined) return act(term)
    const address = this.#leader?.value
    throw new MeridianError(
      'NOT_CONTROLLER',
      address === undefined ? 'No controller of the region is known.' : `The controller of the region is ${address}.`,
      { details: address === undefined ? {} : { controller: address } },
    )
  }

  async #campaign(signal: AbortSignal): Promise<void> {
    const { store, address, clock, log, random } = this.#options
    while (!signal.aborted) {
      const leadership = await campaign(store, {
        role: CONTROLLER_ROLE,
        value: address,
        ttlMs: this.#timing.controllerTtlMs,
        clock,
        log,
        signal,
        random,
      })
      const term = new ControllerTerm({
        ...this.#options,
        replicaCount: this.#options.replicaCount ?? 3,
        timing: this.#timing,
        leadership,
      })
      this.#term = term
      try {
        await aborted(AbortSignal.any([leadership.lost, signal]))
      } finally {
        this.#term = undefined
        await term[Symbol.asyncDispose]()
        await leadership.resign()
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { store, clock, log, random } = this.#options
    for await (const leader of watchLeader(store, CONTROLLER_ROLE, { clock, log, signal, random }))
      this.#leader = leader
  }
}
