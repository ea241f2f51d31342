import type { FeedBus } from '@meridian/feed'
import type { BootClock, CeilingStore, ClockTap, PhysicalClock } from '@meridian/hlc'
import type { Clock } from '@meridian/loop'
import type { Transport } from '@meridian/rpc'
import type { Store } from '@meridian/store'
import type { RttMatrix, TaxRecord } from '@meridian/tax'

/**
 * Everything a region server takes from outside itself. The program opens etcd, NATS, gRPC and the machine's clocks; a
 * simulation hands in its own, and what runs on them is the same code.
 */
export interface RegionServerPorts {
  readonly clock: Clock
  /** The wall, watched for disagreeing with `clock`. */
  readonly physical: PhysicalClock
  /** Counts suspended time; undefined where no such clock is. */
  readonly boot: BootClock | undefined
  /** The wall in microseconds since the epoch, as fine as can be told. */
  readonly wallUs: () => bigint
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Outlives the process. */
  readonly ceiling: CeilingStore
  /** For recordings: what the clock that stamps commits does. */
  readonly clockTap?: ClockTap
  /** Writes once to the disk that this process keeps its data on and waits until it is there; the time that took, ms. */
  fsync(): Promise<number>
  readonly transport: Transport
  /** Connects in the background if the tier is away. The server closes it. */
  openStore(tier: 'global' | 'regional'): Promise<Store>
  /** The server closes it. */
  openBus(): Promise<FeedBus>
  /** The server closes it. @throws MeridianError PORT_IN_USE */
  openMetrics(sources: MetricSources): Promise<OperationMetrics>
}

export interface MetricSources {
  readonly matrix: RttMatrix
  readonly leaseRemainingMs: () => number
}

export interface OperationMetrics extends AsyncDisposable {
  /** Told of every control operation that succeeded. */
  operation(record: TaxRecord): void
}
