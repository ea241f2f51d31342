import type { Operation, PlannedTransfer } from '@meridian/protocol'
import { toWireRange } from '@meridian/protocol'
import { generation, keyOfText, keyspaceName, operationId, rangeId, regionId } from '@meridian/topology'
import type { RangeDescriptor } from '@meridian/topology'

/** For tests: a range of `cities` in `us`, followed by `eu`. */
export function rangeSample(id: number, change: Partial<RangeDescriptor> = {}): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: keyspaceName('cities'),
    start: keyOfText(`k${id}`),
    end: keyOfText(`k${id}~`),
    owner: regionId('us'),
    standbys: [regionId('eu')],
    generation: generation(4),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('opened'),
    stamp: { wallMs: 1, counter: 0, origin: 'us' },
    ...change,
  }
}

/** For tests: a transfer of range 12 from `us` to `eu`. */
export function operationSample(change: Partial<Operation> = {}): Operation {
  return {
    operation: 'cli-1',
    kind: 'transfer',
    phase: 'prepare',
    keyspace: 'cities',
    rangeId: 12,
    source: 'us',
    target: 'eu',
    generation: 4n,
    note: '',
    reason: 'upgrade',
    startedWallMs: 1_000_000n,
    updatedWallMs: 1_000_500n,
    ended: false,
    moved: 0,
    left: 1,
    ...change,
  }
}

/** For tests: what a server answers about moving a range. */
export function plannedSample(id: number, change: Partial<Omit<PlannedTransfer, 'range'>> = {}): PlannedTransfer {
  return {
    range: toWireRange(rangeSample(id)),
    target: 'eu',
    obstacles: [],
    remarks: [],
    shards: 3,
    lagEntries: 0n,
    commitMs: 140.5,
    writesPerS: 0,
    ...change,
  }
}
