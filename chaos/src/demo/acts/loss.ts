import { globalLeader } from '@meridian/lab'
import { ChannelPool } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { eventsOf } from '../../history/event.ts'
import { formatCount, formatMs } from '../../report/figures.ts'
import { clientIn, regionIn } from '../demo-context.ts'
import type { Act, DemoContext } from '../demo-context.ts'
import { OpenLoopWriter } from '../open-loop-writer.ts'
import { sampleOf } from '../seeded-random.ts'
import { ServedWatch } from '../served-watch.ts'
import { diallingOf } from '../recorded-client.ts'
import { caughtUp, quarantineOf, recordQuarantine } from '../replica-reports.ts'
import { placeKey } from '../../cities/place.ts'
import { knownShards } from '../shards.ts'
import type { KnownShard } from '../shards.ts'
import { startRegion } from '../start-region.ts'
import { waitUntil } from '../wait-until.ts'

const NAME = 'loss'
const WRITES_PER_S = 100
const ACKNOWLEDGED_MIN = 200
const SHARDS_MAX = 24
/** The region's lease runs out, the authority takes term and ranges, their standbys seal and serve: goal 15 s and 60 s. */
const TAKEN_MS_MAX = 90_000
const RETURNED_MS_MAX = 120_000

export const lossAct: Act = {
  name: NAME,
  shows:
    'SIGKILL of everything in one region: its ranges are taken over by the regions that follow them; when it comes back it follows, and reports what it had acknowledged that nobody else has.',
  play: async (context) => {
    const { world, recorder, printer, clock, signal } = context
    const lost = await victim(context)
    const all = shardsOwnedBy(context, lost)
    const shards = sampleOf(all, SHARDS_MAX, context.random)
    const heir = heirOf(context, lost)
    const before = ownedBy(context, heir, lost)
    printer.text(
      `${lost} owns ${before} ranges (${all.length} shards); ${WRITES_PER_S} writes/s go to ${shards.length} of them from there and from ${heir} each.`,
    )
    const first = recorder.events.length
    const writer = (region: string) =>
      new OpenLoopWriter({
        client: clientIn(context, region),
        shards,
        context,
        name: `${NAME}-${region}`,
        writesPerS: WRITES_PER_S,
        patient: true,
      })
    await using near = writer(lost)
    await using far = writer(heir)
    near.start()
    far.start()
    const more = async (what: string, of: OpenLoopWriter) => {
      const target = of.acknowledged + ACKNOWLEDGED_MIN
      await waitUntil(what, clock, TAKEN_MS_MAX, signal, () => of.acknowledged >= target)
    }
    await Promise.all([more('writes before the loss', near), more('writes before the loss', far)])

    const lostNs = recorder.now()
    const lostMs = clock.nowMs()
    const watch = new ServedWatch(recorder, shards, lostNs)
    recorder.record({ kind: 'fault', fault: 'kill', target: lost })
    await Promise.all(
      world
        .processes()
        .filter(({ region }) => region === lost)
        .map(({ name }) => world.kill(name)),
    )
    const stopped = near.stop()
    await waitUntil('the ranges to be taken over', clock, TAKEN_MS_MAX, signal, () => {
      const left = ownedBy(context, heir, lost)
      printer.progress(`${before - left} of ${before} ranges taken over after ${formatMs(clock.nowMs() - lostMs)}`)
      return left === 0
    })
    const takenMs = clock.nowMs() - lostMs
    await waitUntil('every shard to be served again', clock, TAKEN_MS_MAX, signal, () => watch.poll() === 0)
    await more('writes after the takeover', far)
    await far.stop()
    const firstServedMs = Math.min(...watch.afterMs)
    const lastServedMs = Math.max(...watch.afterMs)
    printer.text(
      `first write acknowledged elsewhere ${formatMs(firstServedMs)} after the loss, last of ${shards.length} shards ${formatMs(lastServedMs)}; all ${before} ranges taken over after ${formatMs(takenMs)}`,
    )

    const backMs = clock.nowMs()
    recorder.record({ kind: 'fault', fault: 'restart', target: lost })
    await startRegion(world, lost)
    await stopped
    await using pool = new ChannelPool(diallingOf(regionIn(world, heir)))
    const replicas = (world.regions.find(({ id }) => id === lost)?.nodes ?? []).map(({ address }) => address)
    await waitUntil(`the replicas in ${lost} to have caught up`, clock, RETURNED_MS_MAX, signal, async () => {
      const behind = await caughtUp(context, pool, heir as RegionId, replicas, all)
      printer.progress(
        `${all.length - behind} of ${all.length} shards follow after ${formatMs(clock.nowMs() - backMs)}`,
      )
      return behind === 0
    })
    const followMs = clock.nowMs() - backMs
    const ids = all.map(({ route }) => route.shardId)
    const entries = recordQuarantine(recorder, ids, await quarantineOf(pool, replicas, ids, signal))
    const writes = eventsOf(recorder.events.slice(first), 'write').filter(({ act }) => act === NAME)
    const count = (status: string) => writes.filter((write) => write.status === status).length
    printer.text(
      `${lost} is back and follows all ${all.length} shards after ${formatMs(followMs)}; it set ${formatCount(entries.length)} entries aside, ${entries.filter(({ committed }) => committed).length} of them committed there and known to nobody else`,
    )
    printer.text(
      `${formatCount(count('ok'))} writes acknowledged, ${count('failed')} failed, ${count('unknown')} unknown`,
    )
    return {
      region: lost,
      heir,
      ranges: before,
      shards: shards.length,
      firstServedMs,
      lastServedMs,
      takenMs,
      followMs,
      quarantined: entries.length,
      acknowledged: count('ok'),
      failed: count('failed'),
      unknown: count('unknown'),
    }
  },
}

/** A region that does not lead the global tier: the loss of that one costs an election more, which `bench` measures. */
async function victim(context: DemoContext): Promise<string> {
  const leader = await globalLeader(context.world)
  const found = context.world.regions.toReversed().find(({ id }) => id !== leader)
  if (found === undefined) throw new MeridianError('REGION_UNKNOWN', 'a world of one region cannot lose one')
  return found.id
}

function ownedBy(context: DemoContext, seenFrom: string, owner: string): number {
  const { ranges } = clientIn(context, seenFrom).client.router.map.global
  return ranges.list(context.keyspace).filter((range) => range.owner === owner).length
}

/** Shards that a region leads now, wherever their countries had their home. */
function shardsOwnedBy(context: DemoContext, region: string): readonly KnownShard[] {
  const { router } = clientIn(context, region).client
  return knownShards(context).flatMap((shard) => {
    const now = router.route(context.keyspace, placeKey(shard.anchor))
    return now.ok && now.route.region === region ? [{ ...shard, route: now.route }] : []
  })
}

/** The region that takes most of them. */
function heirOf(context: DemoContext, lost: string): string {
  const { ranges } = clientIn(context, lost).client.router.map.global
  const heirs = Map.groupBy(
    ranges.list(context.keyspace).filter((range) => range.owner === lost),
    ({ standbys }) => standbys[0] ?? '',
  )
  const [most] = [...heirs].toSorted(([, a], [, b]) => b.length - a.length)
  if (most === undefined || most[0] === '') throw new MeridianError('NO_ROUTE', `nobody follows the ranges of ${lost}`)
  return most[0]
}
