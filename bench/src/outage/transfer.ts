import { distributionOf } from '../distribution.ts'
import type { Distribution } from '../distribution.ts'
import { MeridianError, regionId } from '@meridian/topology'
import { round, rounded } from './failover.ts'
import { KEYSPACE, keyIn, OutageWorld, rangeStart } from './outage-world.ts'
import type { OutageOptions } from './outage-world.ts'
import { OutageWriter } from './outage-writer.ts'
import { waitUntil } from './wait-until.ts'

export interface TransferOptions extends OutageOptions {
  readonly transfers: number
  readonly writesPerS: number
}

export interface TransferLine {
  readonly bench: 'transfer'
  readonly transfer: number
  readonly source: string
  readonly target: string
  /** Of the longest time without an acknowledged write, shard by shard. */
  readonly gapMs: Distribution
  /** From the call until the journal says done. */
  readonly tookMs: number
}

export interface TransferResult {
  readonly bench: 'transfer-summary'
  readonly transfers: number
  readonly writesPerS: number
  readonly shards: number
  /** Over all shards of all transfers. */
  readonly gapMs: Distribution
  /** The longest gap of each shard in as much time without a transfer: what the rate and the machine make of it. */
  readonly quietGapMs: Distribution
  /** What could not be less: one commit of the global tier from the target, and the last entries on their way. */
  readonly floorMs: number
  readonly failed: number
  readonly unknown: number
}

const SHARDS = 8
const ROUTED_MS_MAX = 60_000
const TRANSFER_MS_MAX = 120_000
const POLL_MS = 20
const QUIET_MS = 5000
const AFTER_WRITES = 200

/** How long each shard of a range goes without an acknowledged write while its range moves to and fro under load. */
export async function runTransfer(
  options: TransferOptions,
): Promise<{ readonly lines: readonly TransferLine[]; readonly result: TransferResult }> {
  const { transfers, writesPerS, clock, signal, progress } = options
  await using world = await OutageWorld.open(options)
  const [home, next] = world.world.regions
  if (home === undefined || next === undefined) throw new Error('assertion: a world of one region')
  await world.createRanges(home.id, next.id, 1, SHARDS)
  const client = world.client(home.id)
  const routedTo = (region: string) =>
    Array.from({ length: SHARDS }, (_, shard) => client.router.route(KEYSPACE, keyIn(0, shard, 'route'))).every(
      (found) => found.ok && found.route.region === region,
    )
  await waitUntil('every shard to have a leader', clock, ROUTED_MS_MAX, signal, () => routedTo(home.id))
  await using writer = new OutageWriter({
    client,
    slots: SHARDS,
    keyOf: (shard, number) => keyIn(0, shard, String(number)),
    writesPerS,
    clock,
    signal,
  })
  writer.start()
  const quietFromMs = clock.nowMs()
  await waitUntil('a quiet time', clock, QUIET_MS * 4, signal, () => clock.nowMs() - quietFromMs > QUIET_MS)
  const quiet = writer.gapsMs(quietFromMs, clock.nowMs())
  const lines: TransferLine[] = []
  const gaps: number[] = []
  for (let transfer = 1; transfer <= transfers; transfer += 1) {
    const [source, target] = transfer % 2 === 1 ? [home.id, next.id] : [next.id, home.id]
    const begunMs = clock.nowMs()
    const id = world.operation('transfer')
    const { operations } = world.client(target)
    const order = { keyspace: KEYSPACE, key: rangeStart(0), target: regionId(target), reason: 'bench' }
    await operations.transfer(id, order, { signal })
    for (;;) {
      const { ended, phase, note } = await operations.get(id, { signal })
      if (ended && phase !== 'done') throw new MeridianError('TRANSFER_ENDED', `transfer ${transfer} ${phase}: ${note}`)
      if (ended) break
      if (clock.nowMs() - begunMs > TRANSFER_MS_MAX)
        throw new MeridianError('UNAVAILABLE', `transfer ${transfer} is still at ${phase}: ${note}`)
      await clock.sleep(POLL_MS, signal)
    }
    const tookMs = clock.nowMs() - begunMs
    const enough = writer.acks.length + AFTER_WRITES
    await waitUntil(
      'writes after the transfer',
      clock,
      TRANSFER_MS_MAX,
      signal,
      () => writer.acks.length >= enough && routedTo(target),
    )
    const perShard = writer.gapsMs(begunMs, clock.nowMs())
    gaps.push(...perShard)
    const gapMs = rounded(distributionOf(perShard))
    lines.push({ bench: 'transfer', transfer, source, target, gapMs, tookMs: round(tookMs) })
    progress(
      `transfer ${transfer} of ${transfers}: ${source} to ${target}, longest gap ${gapMs.max} ms, ${round(tookMs)} ms in all`,
    )
  }
  await writer.stop()
  const rtt = world.world.matrix.rttMs(home.id, next.id)
  const result: TransferResult = {
    bench: 'transfer-summary',
    transfers,
    writesPerS,
    shards: SHARDS,
    gapMs: rounded(distributionOf(gaps)),
    quietGapMs: rounded(distributionOf(quiet)),
    floorMs: round(rtt + rtt / 2),
    failed: writer.failed,
    unknown: writer.unknown,
  }
  return { lines, result }
}
