import { distributionOf } from '@meridian/bench'
import { globalLeader } from '@meridian/lab'
import { formatKey, isMeridianError, MeridianError } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import { countryInterval, placeKey, placeValue } from '../../cities/place.ts'
import type { Place } from '../../cities/place.ts'
import { batches } from '../../cities/plan.ts'
import type { CountryPlan } from '../../cities/plan.ts'
import { valueMark } from '../../history/value-mark.ts'
import { formatCount, formatMs } from '../../report/figures.ts'
import { formatTable } from '../../report/table.ts'
import { clientIn } from '../demo-context.ts'
import type { Act, DemoContext, Figures } from '../demo-context.ts'
import { inParallel } from '../in-parallel.ts'
import { sampleOf } from '../seeded-random.ts'
import { placesByShard } from '../shards.ts'
import { untilKnown } from '../until-known.ts'

/** Points, assignments or openings of one control operation. */
const PER_OPERATION_MAX = 40
/** Places of one request to one shard. */
const PLACES_PER_BATCH_MAX = 256
/** Batches under way per region. */
const BATCHES_CONCURRENT_MAX = 6
/** One batch in so many is written by a client of another region. */
const REMOTE_EVERY = 40
const BATCH_MS_MAX = 60_000
const SAMPLE_COUNT = 2000
const READS_CONCURRENT_MAX = 8

export const loadAct: Act = {
  name: 'load',
  shows:
    'Every country of GeoNames becomes a range, homed in the region nearest to its people; every place is written once, fenced and acknowledged by a quorum, then read back.',
  play: async (context) => {
    const ownership = await createRanges(context)
    const load = await loadPlaces(context)
    const readBack = await readSample(context)
    const counted = await countCountries(context)
    return { ownership, load, readBack, counted }
  },
}

async function createRanges(context: DemoContext): Promise<Figures> {
  const { plan, keyspace, clock, signal, printer, operation } = context
  const begunMs = clock.nowMs()
  // The nearest client to the global leader pays the least for each commit.
  const near = clientIn(context, await globalLeader(context.world))
  const { control } = near.client
  const first = near.region.id
  let operations = 0
  const once = async <T>(what: string, call: (id: ReturnType<typeof operation>) => Promise<T>): Promise<T> => {
    const id = operation(what)
    operations += 1
    printer.progress(`${what}: ${operations} control operations`)
    return untilKnown(clock, signal, () => call(id))
  }
  await createKeyspace(context, (id) => control.createKeyspace(id, keyspace, regionOf(context, first), [], { signal }))
  operations += 1
  for (const points of batches(plan.slice(1), PER_OPERATION_MAX)) {
    await once('split', (id) =>
      control.split(
        id,
        keyspace,
        points.map(({ start }) => start),
        [],
        { signal },
      ),
    )
  }
  for (const some of batches(plan, PER_OPERATION_MAX)) {
    const assignments = some.map(({ start, region }) => ({
      start,
      owner: regionOf(context, region),
      standbys: [regionOf(context, standbyOf(context, region))],
    }))
    await once('assign', (id) => control.assign(id, keyspace, assignments, [], { signal }))
  }
  const assignedMs = clock.nowMs()
  await Promise.all(
    context.clients.map(async ({ region, client }) => {
      for (const some of batches(
        plan.filter((country) => country.region === region.id),
        PER_OPERATION_MAX,
      )) {
        const openings = some.map(({ start, shardBounds }) => ({ start, shardBounds }))
        await once('open', (id) => client.control.open(id, keyspace, openings, { signal }))
      }
    }),
  )
  const endMs = clock.nowMs()
  const shards = plan.reduce((sum, { shardBounds }) => sum + shardBounds.length + 1, 0)
  const byRegion = context.world.regions.map(({ id, displayName }) => {
    const own = plan.filter(({ region }) => region === id)
    return {
      region: id,
      displayName,
      ranges: own.length,
      shards: own.reduce((sum, { shardBounds }) => sum + shardBounds.length + 1, 0),
      places: own.reduce((sum, { places }) => sum + places.length, 0),
      largest: own
        .toSorted((a, b) => b.places.length - a.places.length)
        .slice(0, 5)
        .map(({ country }) => country),
    }
  })
  printer.lines([
    '',
    ...formatTable(
      [
        { title: 'home region' },
        { title: 'ranges', align: 'right' },
        { title: 'shards', align: 'right' },
        { title: 'places', align: 'right' },
        { title: 'largest' },
      ],
      byRegion.map((each) => [
        each.region,
        formatCount(each.ranges),
        formatCount(each.shards),
        formatCount(each.places),
        each.largest.join(' '),
      ]),
    ),
    '',
  ])
  printer.text(
    `${plan.length} ranges, ${shards} shards: ${operations} control operations, split and assigned in ${formatMs(assignedMs - begunMs)}, opened in ${formatMs(endMs - assignedMs)}`,
  )
  return {
    ranges: plan.length,
    shards,
    operations,
    assignMs: assignedMs - begunMs,
    openMs: endMs - assignedMs,
    regions: byRegion,
  }
}

/** Each region is followed by the next one, so that none has the copies of all the others. */
function standbyOf({ world: { regions } }: DemoContext, region: string): string {
  const at = regions.findIndex(({ id }) => id === region)
  return regions[(at + 1) % regions.length]?.id ?? region
}

async function createKeyspace(
  { clock, signal, operation }: DemoContext,
  create: (id: ReturnType<DemoContext['operation']>) => Promise<unknown>,
): Promise<void> {
  const id = operation('create')
  try {
    await untilKnown(clock, signal, () => create(id))
  } catch (error) {
    if (!isMeridianError(error, 'KEYSPACE_EXISTS')) throw error
    throw new MeridianError('KEYSPACE_EXISTS', 'the demo needs a world with empty folders', { cause: error })
  }
}

const regionOf = (context: DemoContext, region: string) => {
  const { router } = clientIn(context, region).client
  const found = [...router.map.global.regions.keys()].find((id) => id === region)
  if (found === undefined) throw new MeridianError('REGION_UNKNOWN', `${region} has not joined`)
  return found
}

interface Batch {
  readonly country: CountryPlan
  readonly places: readonly Place[]
}

async function loadPlaces(context: DemoContext): Promise<Figures> {
  const { plan, keyspace, clock, signal, printer, clients } = context
  const total = plan.reduce((sum, { places }) => sum + places.length, 0)
  const tookMs: Record<'local' | 'remote', number[]> = { local: [], remote: [] }
  let written = 0
  let bytes = 0
  const begunMs = clock.nowMs()
  await Promise.all(
    clients.map(async (own, at) => {
      const other = clients[(at + 1) % clients.length] ?? own
      const queue = plan.filter(({ region }) => region === own.region.id).flatMap(batchesOf)
      await inParallel(queue, BATCHES_CONCURRENT_MAX, signal, async ({ places }, i) => {
        const remote = i % REMOTE_EVERY === REMOTE_EVERY - 1
        const writes = places.map((place) => ({ key: placeKey(place), value: placeValue(place) }))
        const sentMs = clock.nowMs()
        const outcomes = await (remote ? other : own).write(keyspace, writes, { timeoutMs: BATCH_MS_MAX, signal })
        tookMs[remote ? 'remote' : 'local'].push(clock.nowMs() - sentMs)
        const failed = outcomes.find((outcome) => outcome.status !== 'ok')
        if (failed !== undefined) {
          throw new MeridianError(failed.code, `${formatKey(failed.key)} was not written: ${failed.message}`)
        }
        written += writes.length
        bytes += writes.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
        const rate = (written / (clock.nowMs() - begunMs)) * 1000
        printer.progress(`${formatCount(written)} of ${formatCount(total)} places, ${formatCount(rate)} places/s`)
      })
    }),
  )
  const endMs = clock.nowMs()
  const placesPerS = (total / (endMs - begunMs)) * 1000
  const local = distributionOf(tookMs.local)
  const remote = tookMs.remote.length === 0 ? undefined : distributionOf(tookMs.remote)
  printer.text(
    `${formatCount(written)} places (${(bytes / 1e6).toFixed(1)} MB) written in ${formatMs(endMs - begunMs)}: ${formatCount(placesPerS)} places/s`,
  )
  printer.text(
    `a batch of at most ${PLACES_PER_BATCH_MAX} places to one shard, local client: p50 ${formatMs(local.p50)}, p99 ${formatMs(local.p99)}` +
      (remote === undefined ? '' : `; client of another region (${remote.count} batches): p50 ${formatMs(remote.p50)}`),
  )
  return { places: written, bytes, tookMs: endMs - begunMs, placesPerS, localBatchMs: local, remoteBatchMs: remote }
}

function batchesOf(country: CountryPlan): readonly Batch[] {
  return placesByShard(country)
    .flatMap((places) => batches(places, PLACES_PER_BATCH_MAX))
    .map((places) => ({ country, places }))
}

async function readSample(context: DemoContext): Promise<Figures> {
  const { plan, keyspace, clock, signal, printer, recorder, random } = context
  const all = plan.flatMap(({ region, places }) => places.map((place) => ({ region, place })))
  const sample = sampleOf(all, SAMPLE_COUNT, random)
  const tookMs: number[] = []
  let equal = 0
  const begunMs = clock.nowMs()
  await inParallel(sample, READS_CONCURRENT_MAX * context.clients.length, signal, async ({ region, place }) => {
    const key: Key = placeKey(place)
    const sentMs = clock.nowMs()
    const row = await clientIn(context, region).get(keyspace, key, { signal })
    tookMs.push(clock.nowMs() - sentMs)
    const [expected, found] = [valueMark(placeValue(place)), row === undefined ? '' : valueMark(row.value)]
    if (expected === found) equal += 1
    recorder.record({ kind: 'sample', key: `${place.country}/${place.id}`, expected, found })
    printer.progress(`${formatCount(tookMs.length)} of ${formatCount(sample.length)} places read back`)
  })
  const reads = distributionOf(tookMs)
  printer.text(
    `${formatCount(equal)} of ${formatCount(sample.length)} sampled places equal what was written (quorum reads, ${formatMs(clock.nowMs() - begunMs)}, p50 ${formatMs(reads.p50)} under load)`,
  )
  return { sampled: sample.length, equal, readMs: reads }
}

async function countCountries(context: DemoContext): Promise<Figures> {
  const { plan, keyspace, clock, signal, printer, recorder } = context
  const begunMs = clock.nowMs()
  let equal = 0
  let counted = 0
  await inParallel(plan, READS_CONCURRENT_MAX, signal, async ({ country, region, places }) => {
    const count = Number(await clientIn(context, region).count(keyspace, countryInterval(country), { signal }))
    recorder.record({ kind: 'count', country, expected: places.length, counted: count })
    if (count === places.length) equal += 1
    counted += count
    printer.progress(`${formatCount(counted)} places counted`)
  })
  const tookMs = clock.nowMs() - begunMs
  printer.text(
    `${formatCount(counted)} places counted in ${plan.length} countries, ${equal} countries equal the input (${formatMs(tookMs)})`,
  )
  return { countries: plan.length, equal, counted, tookMs }
}
