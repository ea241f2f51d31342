import type { OperationMeter } from '@meridian/global'
import { OrderingWriter } from '@meridian/region'
import type { HybridClock } from '@meridian/hlc'
import type { Clock } from '@meridian/loop'
import type { Leadership, Store, Txn, TxnOutcome } from '@meridian/store'
import { quorumRttMs, TaxMeter } from '@meridian/tax'
import type { RttMatrix, TaxRecord } from '@meridian/tax'
import { NODE_PREFIX, PAGE_PREFIX } from '@meridian/topology'
import { floorText } from './floor-text.ts'
import type { OperationMetrics } from './ports.ts'
import type { Floor, RegionalFloor } from './regional-floor.ts'
import type { VoterPlaces } from './voter-places.ts'

/** The name under which a change of a shard's leader that somebody asked for is counted. */
export const HAND_OVER = 'hand-over'
/** Nobody leads, then the target does. */
const HAND_OVER_COMMITS = 2

/** Sets every control operation that this server carried out against the floor of the moment. */
export class ControlMeter {
  readonly tax = new TaxMeter()
  readonly #region: string
  readonly #matrix: RttMatrix
  readonly #voters: VoterPlaces
  readonly #regionalFloor: Pick<RegionalFloor, 'commits'>
  readonly #metrics: Pick<OperationMetrics, 'operation'>

  constructor(
    region: string,
    matrix: RttMatrix,
    voters: VoterPlaces,
    regionalFloor: Pick<RegionalFloor, 'commits'>,
    metrics: Pick<OperationMetrics, 'operation'>,
  ) {
    this.#region = region
    this.#matrix = matrix
    this.#voters = voters
    this.#regionalFloor = regionalFloor
    this.#metrics = metrics
  }

  /** Of G; the client is this region, since its servers are asked from within. */
  readonly global: OperationMeter = (operation, actualMs) => {
    const { leader } = this.#voters
    this.#record(operation, 'global', leader ?? '', this.#globalFloor(leader), actualMs)
  }

  /** Least that a commit at G takes from here, ms; undefined while it is not known. */
  commitFloorMs(): number | undefined {
    return this.#globalFloor(this.#voters.leader).floorMs
  }

  /** Of E, which lies in one region. */
  readonly regional: OperationMeter = (operation, actualMs) => {
    const floor = this.#regionalFloor.commits(operation === HAND_OVER ? HAND_OVER_COMMITS : 1)
    this.#record(operation, 'regional', this.#region, floor, actualMs)
  }

  #record(operation: string, tier: TaxRecord['tier'], leaderRegion: string, floor: Floor, actualMs: number): void {
    const { floorMs, reason: floorReason } = floor
    const record: TaxRecord = {
      operation,
      tier,
      clientRegion: this.#region,
      leaderRegion,
      floorMs,
      floorReason,
      actualMs,
    }
    this.tax.record(record)
    this.#metrics.operation(record)
  }

  #globalFloor(leader: string | undefined): Floor {
    const { regions } = this.#voters
    if (leader === undefined || !regions.includes(leader)) {
      return { floorMs: undefined, reason: 'nobody is known to lead the global tier' }
    }
    const unknown = [this.#region, ...regions].filter((region) => this.#matrix.lookup(region, leader) === undefined)
    if (unknown.length > 0) {
      return { floorMs: undefined, reason: `round trips of ${leader} are not known: ${unknown.join(', ')}` }
    }
    const rtt = (a: string, b: string) => this.#matrix.lookup(a, b) ?? Number.NaN
    const quorumMs = quorumRttMs(leader, regions, rtt)
    const floorMs = rtt(this.#region, leader) + quorumMs
    const ways = `${floorText(rtt(this.#region, leader))} to the leader and back + ${floorText(quorumMs)} from it to its majority`
    return { floorMs, reason: ways }
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
