import { globalLeader } from '@meridian/lab'
import { MeridianError, regionId } from '@meridian/topology'
import { round } from './failover.ts'
import { KEYSPACE, keyIn, OutageWorld } from './outage-world.ts'
import type { OutageOptions } from './outage-world.ts'
import { OutageWriter } from './outage-writer.ts'
import { waitUntil } from './wait-until.ts'

export interface RegionLossOptions extends OutageOptions {
  readonly ranges: number
  readonly writesPerS: number
  /** The global tier is led from the region that is lost. */
  readonly withLeader: boolean
}

export interface RegionLossResult {
  readonly bench: 'region-loss'
  readonly withLeader: boolean
  readonly ranges: number
  readonly writesPerS: number
  readonly lost: string
  readonly heir: string
  /** The region lease and what a taker waits, by the arithmetic of leases: nobody may be faster. */
  readonly waitMs: number
  /** From the kill to the first range of the lost region with another owner, and to the last, as a client's map has it. */
  readonly firstTakenMs: number
  readonly lastTakenMs: number
  /** To the first acknowledged write in a range that was lost, and to the last of those that are written to. */
  readonly firstServedMs: number
  readonly lastServedMs: number
  /** To a leader for every shard. */
  readonly allLedMs: number
  readonly failed: number
  readonly unknown: number
}

/** Ranges that are written to, spread over all. */
const WRITTEN_MAX = 40
const OPENED_MS_MAX = 300_000
const TAKEN_MS_MAX = 180_000
const WAIT_MS = 9431

/** SIGKILL of everything in a region that owns many ranges: when is what it owned written to elsewhere? */
export async function runRegionLoss(options: RegionLossOptions): Promise<RegionLossResult> {
  const { ranges, writesPerS, withLeader, clock, signal, progress } = options
  await using world = await OutageWorld.open(options)
  const leader = await globalLeader(world.world)
  const lost = world.world.regions.toReversed().find(({ id }) => id !== leader)
  const heir = world.world.regions.find(({ id }) => id !== lost?.id)
  if (lost === undefined || heir === undefined) throw new Error('assertion: a world of one region')
  const client = world.client(heir.id)
  // Who opens thousands of ranges asks so much of the global tier that its leader would come there by itself.
  const leads = withLeader ? lost.id : heir.id
  await client.control.preferLeader(regionId(leads), { signal })
  await world.createRanges(lost.id, heir.id, ranges, 1)
  const at = (range: number) => client.router.route(KEYSPACE, keyIn(range, 0, 'route'))
  const all = Array.from({ length: ranges }, (_, i) => i)
  const ledIn = (region: string) =>
    all.filter((range) => {
      const found = at(range)
      return found.ok && found.route.region === region
    }).length
  await waitUntil('every range to have a leader', clock, OPENED_MS_MAX, signal, async () => {
    const led = ledIn(lost.id)
    progress(`${led} of ${ranges} ranges are led`)
    if (led < ranges) await clock.sleep(1000, signal)
    return led === ranges
  })
  await followed(options, world, heir.id, ranges)
  const step = Math.max(1, Math.floor(ranges / WRITTEN_MAX))
  const written = all.filter((range) => range % step === 0)
  await using writer = new OutageWriter({
    client,
    slots: written.length,
    keyOf: (slot, number) => keyIn(written[slot] ?? 0, 0, String(number)),
    writesPerS,
    clock,
    signal,
  })
  writer.start()
  await waitUntil('writes before the loss', clock, TAKEN_MS_MAX, signal, () =>
    writer.servedSince(0).every((served) => served !== undefined),
  )
  await waitUntil(`the global tier to be led from ${leads}`, clock, TAKEN_MS_MAX, signal, async () => {
    return (await globalLeader(world.world)) === leads
  })
  const lostMs = clock.nowMs()
  await Promise.all(
    world.world
      .processes()
      .filter(({ region }) => region === lost.id)
      .map(({ name }) => world.world.kill(name)),
  )
  const owned = () => client.router.map.global.ranges.list(KEYSPACE).filter(({ owner }) => owner === lost.id).length
  await waitUntil('the first range to be taken', clock, TAKEN_MS_MAX, signal, () => owned() < ranges)
  const firstTakenMs = clock.nowMs() - lostMs
  await waitUntil('the last range to be taken', clock, TAKEN_MS_MAX, signal, async () => {
    const left = owned()
    progress(`${ranges - left} of ${ranges} ranges taken after ${Math.round(clock.nowMs() - lostMs)} ms`)
    if (left > 0) await clock.sleep(100, signal)
    return left === 0
  })
  const lastTakenMs = clock.nowMs() - lostMs
  await waitUntil('a leader for every shard', clock, TAKEN_MS_MAX, signal, async () => {
    const led = ledIn(heir.id)
    progress(`${led} of ${ranges} ranges are led in ${heir.id} after ${Math.round(clock.nowMs() - lostMs)} ms`)
    if (led < ranges) await clock.sleep(100, signal)
    return led === ranges
  })
  const allLedMs = clock.nowMs() - lostMs
  await waitUntil('writes to every range that is written to', clock, TAKEN_MS_MAX, signal, () =>
    writer.servedSince(lostMs).every((served) => served !== undefined),
  )
  const served = writer.servedSince(lostMs).map((ms) => (ms ?? Infinity) - lostMs)
  await writer.stop()
  return {
    bench: 'region-loss',
    withLeader,
    ranges,
    writesPerS,
    lost: lost.id,
    heir: heir.id,
    waitMs: WAIT_MS,
    firstTakenMs: round(firstTakenMs),
    lastTakenMs: round(lastTakenMs),
    firstServedMs: round(Math.min(...served)),
    lastServedMs: round(Math.max(...served)),
    allLedMs: round(allLedMs),
    failed: writer.failed,
    unknown: writer.unknown,
  }
}

/** A region that follows nothing yet can take nothing. */
async function followed(
  { clock, signal, progress }: RegionLossOptions,
  world: OutageWorld,
  heir: string,
  ranges: number,
): Promise<void> {
  const client = world.client(heir)
  const region = [...client.router.map.global.regions.keys()].find((id) => id === heir)
  if (region === undefined) throw new MeridianError('REGION_UNKNOWN', `${heir} has not joined`)
  await waitUntil(`${heir} to follow every range`, clock, OPENED_MS_MAX, signal, async () => {
    const standby = [...client.router.map.region(region).pages.values()].filter(({ role }) => role === 'standby').length
    progress(`${heir} follows ${standby} of ${ranges} ranges`)
    if (standby < ranges) await clock.sleep(1000, signal)
    return standby >= ranges
  })
}
