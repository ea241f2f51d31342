import { distributionOf } from '@meridian/bench'
import { ChannelPool } from '@meridian/rpc'
import { formatKey, MeridianError } from '@meridian/topology'
import { eventsOf } from '../../history/event.ts'
import type { EventOf } from '../../history/event.ts'
import { valueMark } from '../../history/value-mark.ts'
import { formatCount, formatMs } from '../../report/figures.ts'
import { clientIn, regionIn } from '../demo-context.ts'
import type { Act, DemoContext } from '../demo-context.ts'
import { DirectNode } from '../direct-node.ts'
import { OpenLoopWriter } from '../open-loop-writer.ts'
import type { LoopWrite } from '../open-loop-writer.ts'
import { diallingOf } from '../recorded-client.ts'
import { sampleOf } from '../seeded-random.ts'
import { ServedWatch } from '../served-watch.ts'
import { besideKey, busiestLeader, routeNow } from '../shards.ts'
import type { KnownShard } from '../shards.ts'
import { waitUntil } from '../wait-until.ts'

const NAME = 'failover'
const WRITES_PER_S = 100
/** Acknowledged before the fault, and again after it, so that there is something to lose on both sides. */
const ACKNOWLEDGED_MIN = 200
const FAILOVER_MS_MAX = 40_000
const REJOIN_MS_MAX = 20_000
const SHARDS_MAX = 24
const RESENDS = 20
const NS_PER_MS = 1e6

export const failoverAct: Act = {
  name: NAME,
  shows:
    'SIGKILL of a node that leads, under load: its shards are served again under the next epoch, and no acknowledged write is lost or applied twice.',
  play: async (context) => {
    const { world, recorder, printer, signal, clock } = context
    const region = (world.regions[1] ?? world.regions[0])?.id ?? ''
    const victim = busiestLeader(context, region)
    const shards = sampleOf(victim.shards, SHARDS_MAX, context.random)
    const first = recorder.events.length
    printer.text(
      `${victim.node} leads ${victim.shards.length} shards; ${WRITES_PER_S} writes/s go to ${shards.length} of them, open loop.`,
    )
    await using writer = new OpenLoopWriter({
      client: clientIn(context, region),
      shards,
      context,
      name: NAME,
      writesPerS: WRITES_PER_S,
    })
    writer.start()
    const more = async (what: string) => {
      const target = writer.acknowledged + ACKNOWLEDGED_MIN
      await waitUntil(what, clock, FAILOVER_MS_MAX, signal, () => writer.acknowledged >= target)
    }
    await more('writes before the kill')
    const killedNs = recorder.now()
    const killedMs = clock.nowMs()
    const watch = new ServedWatch(recorder, shards, killedNs)
    recorder.record({ kind: 'fault', fault: 'kill', target: victim.processName })
    await world.kill(victim.processName)
    await waitUntil('every shard to be served again', clock, FAILOVER_MS_MAX, signal, () => {
      const pending = watch.poll()
      printer.progress(
        `${shards.length - pending} of ${shards.length} shards served again after ${formatMs(clock.nowMs() - killedMs)}`,
      )
      return pending === 0
    })
    await more('writes after the failover')
    await writer.stop()
    const writes = eventsOf(recorder.events.slice(first), 'write').filter(({ act }) => act === NAME)
    const resends = await resend(context, region, shards, writes, killedNs)
    const found = await readShards(context, region, shards, writes)
    recorder.record({ kind: 'fault', fault: 'restart', target: victim.processName })
    await world.restart(victim.processName)
    await rejoined(context, region, victim.node)
    const figures = { ...outage(writer, watch, writes, killedNs, killedMs), ...resends, ...found }
    tell(context, figures)
    return { region, node: victim.node, shards: shards.length, writesPerS: WRITES_PER_S, ...figures }
  },
}

type Outage = ReturnType<typeof outage> & Awaited<ReturnType<typeof resend>> & Awaited<ReturnType<typeof readShards>>

function outage(
  writer: OpenLoopWriter,
  watch: ServedWatch,
  writes: readonly EventOf<'write'>[],
  killedNs: number,
  killedMs: number,
) {
  const of = (status: string) => writes.filter((write) => write.status === status)
  const ok = of('ok')
  const before = writer.ended.filter(({ endMs, status }: LoopWrite) => endMs < killedMs && status === 'ok')
  return {
    firstServedMs: Math.min(...watch.afterMs),
    lastServedMs: Math.max(...watch.afterMs),
    largestGapMs: largestGapMs(ok),
    issued: writer.issued,
    unsent: writer.unsent,
    acknowledgedBefore: ok.filter(({ t }) => t < killedNs).length,
    acknowledgedAfter: ok.filter(({ t }) => t >= killedNs).length,
    failed: of('failed').length,
    unknown: of('unknown').length,
    recognisedRetries: ok.filter(({ duplicate }) => duplicate).length,
    beforeMs: distributionOf(before.map(({ dueMs, endMs }) => endMs - dueMs)),
  }
}

/** The longest time in which nothing was acknowledged: what an outage is to those who write. */
function largestGapMs(writes: readonly EventOf<'write'>[]): number {
  const times = writes.map(({ t }) => t).toSorted((a, b) => a - b)
  return Math.max(0, ...times.slice(1).map((t, i) => (t - (times[i] ?? t)) / NS_PER_MS))
}

/** Writes acknowledged by the killed leader, sent to the new one once more under their own identity. */
async function resend(
  context: DemoContext,
  region: string,
  shards: readonly KnownShard[],
  writes: readonly EventOf<'write'>[],
  killedNs: number,
) {
  const { recorder, signal, world } = context
  await using pool = new ChannelPool(diallingOf(regionIn(world, region)))
  const numbers = new Map(
    Array.from({ length: writes.length }, (_, number) => {
      const shard = shards[number % shards.length]
      return [
        shard === undefined ? '' : formatKey(besideKey(shard.anchor, `${NAME}-${number}`)),
        { shard, number },
      ] as const
    }),
  )
  const acknowledged = writes.filter(({ status, t }) => status === 'ok' && t < killedNs)
  let recognised = 0
  const again = sampleOf(acknowledged, RESENDS, context.random)
  for (const write of again) {
    const found = numbers.get(write.key)
    const route = found?.shard === undefined ? undefined : routeNow(context, found.shard)
    if (found?.shard === undefined || route === undefined)
      throw new MeridianError('NO_ROUTE', `${write.key} has no leader`)
    const node = new DirectNode(pool, route.address)
    const value = Buffer.from(`${NAME} ${found.number}`)
    if (valueMark(value) !== write.value) throw new Error(`assertion: ${write.key} was written with another value`)
    const { session, sequence } = write
    const key = besideKey(found.shard.anchor, `${NAME}-${found.number}`)
    const answer = await node.write(
      route.shardId,
      route.token,
      { session, sequence: BigInt(sequence), key, value },
      signal,
    )
    if (answer.outcome !== 'answered') throw new MeridianError('UNAVAILABLE', `a repeat was refused: ${answer.code}`)
    const { duplicate } = answer
    if (duplicate && answer.index.toString() === write.index) recognised += 1
    recorder.record({
      kind: 'resend',
      shard: write.shard,
      session,
      sequence,
      index: answer.index.toString(),
      duplicate,
    })
  }
  return { resent: again.length, recognised }
}

/** The shards as their new leaders have them, against what was answered. */
async function readShards(
  context: DemoContext,
  region: string,
  shards: readonly KnownShard[],
  writes: readonly EventOf<'write'>[],
) {
  const { keyspace, signal } = context
  const rows = new Map<string, string>()
  let twice = 0
  for (const shard of shards) {
    const route = routeNow(context, shard)
    if (route === undefined) throw new MeridianError('NO_ROUTE', `shard ${shard.route.shardId} has no leader`)
    for await (const row of clientIn(context, region).scan(
      keyspace,
      { start: route.start, end: route.end },
      { signal },
    )) {
      const key = formatKey(row.key)
      if (rows.has(key)) twice += 1
      rows.set(key, row.index.toString())
    }
  }
  const there = ({ key }: EventOf<'write'>) => rows.has(key)
  const ok = writes.filter(({ status }) => status === 'ok')
  return {
    present: ok.filter(there).length,
    missing: ok.filter((write) => !there(write)).length,
    moved: ok.filter((write) => there(write) && rows.get(write.key) !== write.index).length,
    twice,
    failedPresent: writes.filter((write) => write.status === 'failed' && there(write)).length,
    unknownPresent: writes.filter((write) => write.status === 'unknown' && there(write)).length,
  }
}

async function rejoined(context: DemoContext, region: string, node: string): Promise<void> {
  const { clock, signal } = context
  const { control } = clientIn(context, region).client
  await waitUntil(`${node} to be up again`, clock, REJOIN_MS_MAX, signal, async () => {
    const status = await control.status(undefined, { signal })
    return status.nodes.some(({ nodeId, status: each }) => nodeId === node && each === 'up')
  })
}

function tell({ printer }: DemoContext, figures: Outage): void {
  const lines = [
    `before: a write takes p50 ${formatMs(figures.beforeMs.p50)}, p99 ${formatMs(figures.beforeMs.p99)} from when it was due`,
    `first write under the new epoch ${formatMs(figures.firstServedMs)} after the kill, last shard ${formatMs(figures.lastServedMs)}`,
    `longest time without any acknowledged write: ${formatMs(figures.largestGapMs)}`,
    `acknowledged ${formatCount(figures.acknowledgedBefore)} before and ${formatCount(figures.acknowledgedAfter)} after; failed ${figures.failed}, unknown ${figures.unknown}`,
    `read back: ${formatCount(figures.present)} acknowledged writes there, ${figures.missing} missing, ${figures.twice + figures.moved} applied twice, ${figures.failedPresent} of the failed there`,
    `${figures.recognised} of ${figures.resent} acknowledged writes, sent again to the new leaders, were recognised`,
  ]
  for (const line of lines) printer.text(line)
}
