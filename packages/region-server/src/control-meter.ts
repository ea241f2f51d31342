import type { OperationMeter } from '@meridian/global'
import { OrderingWriter } from '@meridian/region'
import type { HybridClock } from '@meridian/hlc'
import type { Clock } from '@meridian/loop'
import type { Leadership, Store, Txn, TxnOutcome } from '@meridian/store'
import { commitFloorMs, TaxMeter } from '@meridian/tax'
import type { RttMatrix, TaxRecord } from '@meridian/tax'
import { NODE_PREFIX, PAGE_PREFIX } from '@meridian/topology'
import type { OperationMetrics } from './ports.ts'
import type { VoterPlaces } from './voter-places.ts'

/** Sets every control operation that this server carried out against the floor of the moment. */
export class ControlMeter {
  readonly tax = new TaxMeter()
  readonly #region: string
  readonly #matrix: RttMatrix
  readonly #voters: VoterPlaces
  readonly #metrics: Pick<OperationMetrics, 'operation'>

  constructor(region: string, matrix: RttMatrix, voters: VoterPlaces, metrics: Pick<OperationMetrics, 'operation'>) {
    this.#region = region
    this.#matrix = matrix
    this.#voters = voters
    this.#metrics = metrics
  }

  /** Of G; the client is this region, since its servers are asked from within. */
  readonly global: OperationMeter = (operation, actualMs) => {
    const { leader } = this.#voters
    this.#record({ operation, tier: 'global', leaderRegion: leader ?? '', floorMs: this.#floorMs(leader), actualMs })
  }

  /** Of E, which lies in one region: what its zones are apart is not measured and counts as 0. */
  readonly regional: OperationMeter = (operation, actualMs) => {
    this.#record({ operation, tier: 'regional', leaderRegion: this.#region, floorMs: 0, actualMs })
  }

  #record(record: Omit<TaxRecord, 'clientRegion'>): void {
    const whole = { ...record, clientRegion: this.#region }
    this.tax.record(whole)
    this.#metrics.operation(whole)
  }

  #floorMs(leader: string | undefined): number | undefined {
    const { regions } = this.#voters
    if (leader === undefined || !regions.includes(leader)) return undefined
    const known = [this.#region, ...regions].every((region) => this.#matrix.lookup(region, leader) !== undefined)
    if (!known) return undefined
    return commitFloorMs(this.#region, leader, regions, (a, b) => this.#matrix.lookup(a, b) ?? Number.NaN)
  }
}

/** As its base, and tells what each ordering event of the region cost. */
export class MeteredWriter extends OrderingWriter {
  readonly #clock: Clock
  readonly #meter: OperationMeter

  constructor(store: Store, hlc: HybridClock, clock: Clock, meter: OperationMeter) {
    super(store, hlc)
    this.#clock = clock
    this.#meter = meter
  }

  override async commit(txn: Txn, leadership: Leadership | undefined, signal: AbortSignal): Promise<TxnOutcome> {
    const startedMs = this.#clock.nowMs()
    const outcome = await super.commit(txn, leadership, signal)
    if (outcome.committed) this.#meter(nameOf(txn), this.#clock.nowMs() - startedMs)
    return outcome
  }
}

function nameOf({ operations }: Txn): string {
  const touches = (prefix: string) => operations.some(({ key }) => key.startsWith(prefix))
  if (touches(NODE_PREFIX)) return 'node-epoch'
  return touches(PAGE_PREFIX) ? 'page' : 'other'
}
