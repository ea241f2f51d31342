import { distributionOf, leaderPlaces, measureLatencyTax, RawCommit, taxRatio } from '@meridian/bench'
import type { Distribution, TaxCell, TaxClient } from '@meridian/bench'
import { calibratedRttMs, moveGlobalLeader } from '@meridian/lab'
import { commitFloorMs } from '@meridian/tax'
import { EMPTY_KEY, keyspaceName, MeridianError } from '@meridian/topology'
import { formatMs } from '../../report/figures.ts'
import { formatTable } from '../../report/table.ts'
import { clientIn } from '../demo-context.ts'
import type { Act, DemoContext } from '../demo-context.ts'
import type { RecordedClient } from '../recorded-client.ts'
import { sampleOf } from '../seeded-random.ts'
import { besideKey, knownShards } from '../shards.ts'
import { untilKnown } from '../until-known.ts'

const NAME = 'tax'
const KEYSPACE = keyspaceName('tax')
const SAMPLES = 7
const HAND_OVERS = 12

export const taxAct: Act = {
  name: NAME,
  shows:
    'What a change of ownership costs against the floor that distance sets, wherever the global leader is; and what a change of leader inside a region costs beside it.',
  play: async (context) => {
    const { world, printer, clock, signal, recorder } = context
    const rtt = calibratedRttMs(world.calibration)
    const voters = world.regions.filter(({ globalEtcd }) => globalEtcd !== undefined).map(({ id }) => id)
    await using stack = new AsyncDisposableStack()
    const raws: RawCommit[] = []
    const taxClients: TaxClient[] = []
    const turn = { count: 0 }
    for (const client of context.clients) {
      const { id, globalEtcd } = client.region
      if (globalEtcd === undefined) continue
      const raw = stack.use(await RawCommit.open(globalEtcd.clientUrl, id, clock))
      raws.push(raw)
      taxClients.push({ region: id, operate: operateIn(context, client, turn), commitRaw: (each) => raw.commit(each) })
    }
    const [firstRegion] = owners(context)
    if (firstRegion === undefined) throw new MeridianError('REGION_UNKNOWN', 'no region has joined')
    const created = context.operation('create')
    const [firstClient] = context.clients
    await untilKnown(clock, signal, async () =>
      firstClient?.client.control.createKeyspace(created, KEYSPACE, firstRegion, [], { signal }),
    )

    const tax = await measureLatencyTax({
      clients: taxClients,
      leaders: voters,
      moveLeader: (region, each) => {
        printer.progress(`moving the global leader to ${region}`)
        return moveGlobalLeader(world, region, { signal: each })
      },
      floorMs: (client, leader) => commitFloorMs(client, leader, voters, rtt),
      samples: SAMPLES,
      clock,
      signal,
      onCell: (cell) => {
        printer.progress(`leader in ${cell.leader}, client in ${cell.client}: ${formatMs(cell.operationMs.p50)}`)
        recorder.record({
          kind: 'commit',
          client: cell.client,
          leader: cell.leader,
          floorMs: cell.floorMs,
          operationP50Ms: cell.operationMs.p50,
          rawP50Ms: cell.rawMs.p50,
          samples: cell.operationMs.count,
        })
      },
    })
    for (const raw of raws) await raw.remove(signal)
    printer.lines(['', ...taxTable(tax.cells), ''])
    printer.text(
      `${SAMPLES} operations per cell, one at a time; "worst" is the slowest of them, "etcd" a bare transaction at the client's own voter.`,
    )
    const places = leaderPlaces(tax.cells)
    const [best] = places
    printer.text(
      `mean over the clients: ${places.map(({ leader, meanOperationMs }) => `${leader} ${formatMs(meanOperationMs)}`).join(', ')}. Moving the leader took ${tax.moves.map(({ tookMs }) => formatMs(tookMs)).join(', ')}.`,
    )
    if (best !== undefined) await moveGlobalLeader(world, best.leader, { signal })
    const regional = await handOvers(context)
    printer.text('')
    printer.text('A change of leader inside a region:')
    printer.lines(['', ...regionalTable(regional), ''])
    printer.text(
      `An orderly hand-over (${HAND_OVERS} of each region) is two commits in the region; between them the old leader must have told that it let go, which it does with its renewals.`,
    )
    return { ...tax, places, regional }
  },
}

/** Regions as the map names them. */
const owners = ({ clients }: DemoContext) => [...(clients[0]?.client.router.map.global.regions.keys() ?? [])]

/**
 * Gives the scratch keyspace, which is vacant, to the next region: one guarded transaction at the global tier. The turn
 * is everybody's, because to assign what is assigned already would commit nothing.
 */
function operateIn(context: DemoContext, { client }: RecordedClient, turn: { count: number }) {
  const regions = owners(context)
  return async (signal: AbortSignal): Promise<void> => {
    turn.count += 1
    const owner = regions[turn.count % regions.length]
    if (owner === undefined) throw new MeridianError('REGION_UNKNOWN', 'no region has joined')
    const assignment = { start: EMPTY_KEY, owner, standbys: [] }
    await client.control.assign(context.operation('assign'), KEYSPACE, [assignment], [], { signal })
  }
}

function taxTable(cells: readonly TaxCell[]): readonly string[] {
  return formatTable(
    [
      { title: 'global leader' },
      { title: 'client' },
      { title: 'floor', align: 'right' },
      { title: 'etcd p50', align: 'right' },
      { title: 'ours p50', align: 'right' },
      { title: 'worst', align: 'right' },
      { title: 'ratio', align: 'right' },
    ],
    cells.map((cell) => [
      cell.leader,
      cell.client,
      formatMs(cell.floorMs),
      formatMs(cell.rawMs.p50),
      formatMs(cell.operationMs.p50),
      formatMs(cell.operationMs.max),
      taxRatio(cell).toFixed(2),
    ]),
  )
}

function regionalTable(regional: readonly RegionalCost[]): readonly string[] {
  return formatTable(
    [
      { title: 'region' },
      { title: 'bare commit p50', align: 'right' },
      { title: 'hand-over p50', align: 'right' },
      { title: 'worst', align: 'right' },
      { title: 'then first write p50', align: 'right' },
    ],
    regional.map(({ region, rawMs, commitMs, servedMs }) => [
      region,
      formatMs(rawMs.p50),
      formatMs(commitMs.p50),
      formatMs(commitMs.max),
      formatMs(servedMs.p50),
    ]),
  )
}

interface RegionalCost {
  readonly region: string
  /** A bare transaction at the region's own etcd. */
  readonly rawMs: Distribution
  /** From the order to the answer. */
  readonly commitMs: Distribution
  /** From the answer to the first write acknowledged under the new epoch. */
  readonly servedMs: Distribution
}

/** The same kind of decision one tier below: a new leader for a shard, commanded and used from its own region. */
async function handOvers(context: DemoContext): Promise<readonly RegionalCost[]> {
  const { clock, signal, random, world, operation, keyspace } = context
  const figures: RegionalCost[] = []
  for (const { id, regionEtcd } of world.regions) {
    const client = clientIn(context, id)
    const shards = sampleOf(
      knownShards(context).filter((shard) => shard.region === id),
      HAND_OVERS,
      random,
    )
    const commitMs: number[] = []
    const servedMs: number[] = []
    for (const { route, anchor } of shards) {
      const begunMs = clock.nowMs()
      const order = operation('hand-over')
      await untilKnown(clock, signal, () =>
        client.client.control.handOver(order, route.shardId, undefined, route.region, { signal }),
      )
      const committedMs = clock.nowMs()
      const write = { key: besideKey(anchor, `${NAME}-${order}`), value: Buffer.from(order) }
      await client.write(keyspace, [write], { signal })
      commitMs.push(committedMs - begunMs)
      servedMs.push(clock.nowMs() - committedMs)
    }
    figures.push({
      region: id,
      rawMs: await bareCommits(context, id, regionEtcd),
      commitMs: distributionOf(commitMs),
      servedMs: distributionOf(servedMs),
    })
  }
  return figures
}

async function bareCommits(
  { clock, signal }: DemoContext,
  region: string,
  members: readonly { readonly clientUrl: string }[],
): Promise<Distribution> {
  const [member] = members
  if (member === undefined) throw new MeridianError('UNAVAILABLE', `${region} has no etcd of its own`)
  await using raw = await RawCommit.open(member.clientUrl, region, clock)
  await raw.commit(signal)
  const tookMs: number[] = []
  for (let i = 0; i < HAND_OVERS; i += 1) {
    const begunMs = clock.nowMs()
    await raw.commit(signal)
    tookMs.push(clock.nowMs() - begunMs)
  }
  await raw.remove(signal)
  return distributionOf(tookMs)
}
