import { distributionOf } from '@meridian/bench'
import type { Distribution } from '@meridian/bench'
import { calibratedRttMs } from '@meridian/lab'
import { MeridianError } from '@meridian/topology'
import { placeKey } from '../../cities/place.ts'
import { formatMs } from '../../report/figures.ts'
import { formatTable } from '../../report/table.ts'
import type { Act, DemoContext } from '../demo-context.ts'
import type { RecordedClient } from '../recorded-client.ts'
import { sampleOf } from '../seeded-random.ts'
import { besideKey } from '../shards.ts'

const LOCAL_SAMPLES = 120
const REMOTE_SAMPLES = 15
const ROUTE_KEYS = 4096
const ROUTE_ROUNDS = 25
const NS_PER_MS = 1e6

interface Cell {
  readonly client: string
  readonly home: string
  readonly rttMs: number
  readonly writeMs: Distribution
  readonly readMs: Distribution
}

export const latencyAct: Act = {
  name: 'latency',
  shows:
    'A client in each region finds the leader of any key in memory, and pays for a write or a quorum read what the distance to its home region costs, and little more.',
  play: async (context) => {
    const { printer, clients, world } = context
    const routing = clients.map((client) => ({ client: client.region.id, ...measureRouting(context, client) }))
    const cells: Cell[] = []
    for (const client of clients) {
      printer.progress(`local writes and reads in ${client.region.id}`)
      cells.push(await measure(context, client, client.region.id, LOCAL_SAMPLES))
    }
    const remote = clients.flatMap((client) =>
      world.regions.filter(({ id }) => id !== client.region.id).map(({ id }) => ({ client, home: id })),
    )
    printer.progress('remote writes and reads, every pair of regions at once')
    cells.push(...(await Promise.all(remote.map(({ client, home }) => measure(context, client, home, REMOTE_SAMPLES)))))
    const order = (cell: Cell) =>
      world.regions.findIndex(({ id }) => id === cell.client) * world.regions.length +
      world.regions.findIndex(({ id }) => id === cell.home)
    const sorted = cells.toSorted((a, b) => order(a) - order(b))
    printer.text(
      `route time, ${ROUTE_KEYS.toLocaleString('en')} random keys: ${routing.map(({ client, p50Ns }) => `${client} ${p50Ns.toFixed(0)} ns`).join(', ')}`,
    )
    printer.lines(['', ...latencyTable(sorted), ''])
    printer.text(`p99 of ${LOCAL_SAMPLES} local operations; of ${REMOTE_SAMPLES} remote ones it is the slowest.`)
    return { routing, cells: sorted }
  },
}

/** Time of one lookup, ns: rounds over many keys, because one lookup is shorter than reading the clock. */
function measureRouting({ plan, keyspace, random, recorder }: DemoContext, { client }: RecordedClient) {
  const keys = sampleOf(
    plan.flatMap(({ places }) => places),
    ROUTE_KEYS,
    random,
  ).map(placeKey)
  const rounds: number[] = []
  let found = 0
  for (let round = 0; round < ROUTE_ROUNDS; round += 1) {
    const begunNs = recorder.now()
    for (const key of keys) if (client.router.route(keyspace, key).ok) found += 1
    rounds.push((recorder.now() - begunNs) / keys.length)
  }
  if (found !== keys.length * ROUTE_ROUNDS) throw new MeridianError('NO_ROUTE', 'some keys have no route')
  const { p50, max } = distributionOf(rounds)
  return { lookups: found, p50Ns: p50, slowestRoundNs: max }
}

/** One operation at a time, over shards of `home` picked at random. */
async function measure(context: DemoContext, client: RecordedClient, home: string, samples: number): Promise<Cell> {
  const { plan, keyspace, random, recorder, signal } = context
  const own = plan.filter(({ region }) => region === home).flatMap(({ places }) => places)
  await client.connectTo(keyspace, own.map(placeKey), signal)
  const places = sampleOf(own, samples, random)
  const writeMs: number[] = []
  const readMs: number[] = []
  for (const [i, place] of places.entries()) {
    signal.throwIfAborted()
    const key = besideKey(place, `latency-${client.region.id}`)
    const begunNs = recorder.now()
    const [outcome] = await client.write(keyspace, [{ key, value: Buffer.from(`${client.region.id} ${i}`) }], {
      signal,
    })
    const writtenNs = recorder.now()
    if (outcome?.status !== 'ok') throw new MeridianError(outcome?.code ?? 'INTERNAL', 'a write failed without a fault')
    await client.get(keyspace, key, { signal })
    const readNs = recorder.now()
    writeMs.push((writtenNs - begunNs) / NS_PER_MS)
    readMs.push((readNs - writtenNs) / NS_PER_MS)
  }
  return {
    client: client.region.id,
    home,
    rttMs: calibratedRttMs(context.world.calibration)(client.region.id, home),
    writeMs: distributionOf(writeMs),
    readMs: distributionOf(readMs),
  }
}

function latencyTable(cells: readonly Cell[]): readonly string[] {
  return formatTable(
    [
      { title: 'client' },
      { title: 'home of key' },
      { title: 'RTT', align: 'right' },
      { title: 'write p50', align: 'right' },
      { title: 'p99', align: 'right' },
      { title: 'read p50', align: 'right' },
      { title: 'p99', align: 'right' },
    ],
    cells.map(({ client, home, rttMs, writeMs, readMs }) => [
      client,
      home,
      rttMs === 0 ? 'local' : formatMs(rttMs),
      formatMs(writeMs.p50),
      formatMs(writeMs.p99),
      formatMs(readMs.p50),
      formatMs(readMs.p99),
    ]),
  )
}
