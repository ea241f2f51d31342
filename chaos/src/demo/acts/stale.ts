import { distributionOf } from '@meridian/bench'
import type { WorldRegion } from '@meridian/lab'
import { ChannelPool } from '@meridian/rpc'
import { compareTokens, formatToken, MeridianError } from '@meridian/topology'
import { placeKey } from '../../cities/place.ts'
import type { HistoryEvent } from '../../history/event.ts'
import { formatMs } from '../../report/figures.ts'
import { formatTable } from '../../report/table.ts'
import { DeafBus } from '../deaf-bus.ts'
import { clientIn } from '../demo-context.ts'
import type { Act, DemoContext } from '../demo-context.ts'
import { DirectNode } from '../direct-node.ts'
import { diallingOf, RecordedClient } from '../recorded-client.ts'
import { Relay } from '../relay.ts'
import { sampleOf } from '../seeded-random.ts'
import { besideKey, knownShards, routeNow } from '../shards.ts'
import type { KnownShard } from '../shards.ts'
import { untilKnown } from '../until-known.ts'
import { waitUntil } from '../wait-until.ts'

const SHARDS_PER_REGION = 4
const SETTLE_MS_MAX = 5000
const NAME = 'stale'

export const staleAct: Act = {
  name: 'stale',
  shows:
    'A router that no longer hears the feed and cannot reach any region server still ends up at the new leader: the refusal itself carries the newer record.',
  play: async (context) => {
    const { world, recorder, printer, signal } = context
    const region = world.regions[1] ?? world.regions[0]
    if (region === undefined) throw new MeridianError('REGION_UNKNOWN', 'the world has no region')
    await using relay = await Relay.open(serverAddress(region))
    const buses: DeafBus[] = []
    await using stale = await RecordedClient.open(region, NAME, recorder, signal, {
      servers: [relay.address],
      bus: (inner) => {
        const bus = new DeafBus(inner)
        buses.push(bus)
        return bus
      },
    })
    const shards = world.regions.flatMap(({ id }) =>
      sampleOf(
        knownShards(context).filter((shard) => shard.region === id),
        SHARDS_PER_REGION,
        context.random,
      ),
    )
    for (const { id } of world.regions) {
      const own = context.plan.filter((country) => country.region === id).flatMap(({ places }) => places)
      await stale.connectTo(context.keyspace, own.map(placeKey), signal)
    }
    const warmMs = await Promise.all(shards.map((shard) => timedWrite(context, stale, shard, 'before')))
    for (const bus of buses) bus.deafen()
    recorder.record({ kind: 'fault', fault: 'deaf', target: NAME })
    await relay.cut()
    const bytes = relay.bytes
    printer.progress(`handing over ${shards.length} shards`)
    await Promise.all(shards.map((shard) => handOver(context, shard)))
    const rows = await Promise.all(
      shards.map(async (shard, i) => {
        const staleToken = formatToken(shard.route.token)
        const from = recorder.events.length
        const resyncs = stale.resyncs
        const tookMs = await timedWrite(context, stale, shard, 'after')
        const follow = followOf(recorder.events.slice(from), shard.route.shardId)
        recorder.record({
          kind: 'follow',
          client: NAME,
          shard: shard.route.shardId,
          stale: staleToken,
          ...follow,
          resyncs: stale.resyncs - resyncs,
          controlBytes: relay.bytes - bytes,
        })
        return { shard, stale: staleToken, ...follow, beforeMs: warmMs[i] ?? 0, tookMs }
      }),
    )
    printer.lines(['', ...staleTable(rows), ''])
    const once = rows.filter((row) => row.attempts === 2 && row.refusals === 1 && row.adoptions === 1).length
    printer.text(
      `${once} of ${rows.length} writes: one refusal, one more hop. Snapshots asked for: ${stale.resyncs}. Bytes to or from region servers: ${relay.bytes - bytes} (they could not be reached).`,
    )
    return {
      client: region.id,
      oneHop: once,
      resyncs: stale.resyncs,
      controlBytes: relay.bytes - bytes,
      beforeMs: distributionOf(rows.map((row) => row.beforeMs)),
      correctedMs: distributionOf(rows.map((row) => row.tookMs)),
      writes: rows.map(({ shard, ...row }) => ({
        shard: shard.route.shardId,
        country: shard.country,
        home: shard.region,
        ...row,
      })),
    }
  },
}

/** Where a process of the region dials its first server: a name of its own region, resolved as it would. */
function serverAddress({ id, servers, hosts }: WorldRegion): string {
  const [address] = servers
  if (address === undefined) throw new MeridianError('UNAVAILABLE', `${id} has no region server`)
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon)
  return `${hosts[host] ?? host}${address.slice(colon)}`
}

async function timedWrite(
  context: DemoContext,
  client: RecordedClient,
  shard: KnownShard,
  name: string,
): Promise<number> {
  const begunMs = context.clock.nowMs()
  const key = besideKey(shard.anchor, `${NAME}-${client.name}-${name}`)
  const [outcome] = await client.write(context.keyspace, [{ key, value: Buffer.from(name) }], {
    signal: context.signal,
  })
  if (outcome?.status !== 'ok') throw new MeridianError(outcome?.code ?? 'INTERNAL', outcome?.message ?? 'no outcome')
  return context.clock.nowMs() - begunMs
}

/**
 * Moves the shard's leader, and waits until the new one has acknowledged a write and the old one knows that it was
 * deposed: what is shown is a stale router, not a race with the hand-over.
 */
async function handOver(context: DemoContext, shard: KnownShard): Promise<void> {
  const { clock, signal, operation, recorder, world } = context
  const owner = clientIn(context, shard.region)
  const id = operation('hand-over')
  const { control } = owner.client
  recorder.record({ kind: 'fault', fault: 'hand-over', target: shard.route.shardId })
  await untilKnown(clock, signal, () =>
    control.handOver(id, shard.route.shardId, undefined, shard.route.region, { signal }),
  )
  await timedWrite(context, owner, shard, 'between')
  const risen = () => {
    const route = routeNow(context, shard)
    return route !== undefined && compareTokens(route.token, shard.route.token) > 0 ? route : undefined
  }
  await waitUntil(
    `the map to show the new leader of ${shard.route.shardId}`,
    clock,
    SETTLE_MS_MAX,
    signal,
    () => risen() !== undefined,
  )
  const home = world.regions.find(({ id: each }) => each === shard.region)
  if (home === undefined) throw new MeridianError('REGION_UNKNOWN', shard.region)
  await using pool = new ChannelPool(diallingOf(home))
  const old = new DirectNode(pool, shard.route.address)
  await waitUntil(`${shard.route.leader} to know that it was deposed`, clock, SETTLE_MS_MAX, signal, async () => {
    const token = risen()?.token
    if (token === undefined) return false
    const answer = await old.read(shard.route.shardId, token, placeKey(shard.anchor), 'quorum', signal)
    return answer.outcome === 'refused' && answer.code !== 'TOKEN_MISMATCH'
  })
}

/** What the events since the write began say of it. */
function followOf(events: readonly HistoryEvent[], shard: string) {
  let [attempts, refusals, adoptions, served] = [0, 0, 0, '']
  for (const event of events) {
    if (!('client' in event) || event.client !== NAME || !('shard' in event) || event.shard !== shard) continue
    if (event.kind === 'attempt') attempts += 1
    if (event.kind === 'refused') refusals += 1
    if (event.kind === 'refused' && event.adopted) adoptions += 1
    if (event.kind === 'write') served = event.token
  }
  return { attempts, refusals, adoptions, served }
}

function staleTable(
  rows: readonly {
    shard: KnownShard
    stale: string
    served: string
    attempts: number
    beforeMs: number
    tookMs: number
  }[],
): readonly string[] {
  return formatTable(
    [
      { title: 'shard' },
      { title: 'home' },
      { title: 'map said' },
      { title: 'served under' },
      { title: 'attempts', align: 'right' },
      { title: 'followed', align: 'right' },
      { title: 'corrected', align: 'right' },
    ],
    rows.map(({ shard, stale, served, attempts, beforeMs, tookMs }) => [
      `${shard.route.shardId} ${shard.country}`,
      shard.region,
      stale,
      served,
      String(attempts),
      formatMs(beforeMs),
      formatMs(tookMs),
    ]),
  )
}
