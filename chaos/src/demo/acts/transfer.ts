import { distributionOf } from '@meridian/bench'
import type { Operation } from '@meridian/protocol'
import { MeridianError } from '@meridian/topology'
import type { RangeDescriptor } from '@meridian/topology'
import { eventsOf } from '../../history/event.ts'
import type { EventOf } from '../../history/event.ts'
import { formatCount, formatMs } from '../../report/figures.ts'
import { formatTable } from '../../report/table.ts'
import { clientIn } from '../demo-context.ts'
import type { Act, DemoContext } from '../demo-context.ts'
import { OpenLoopWriter } from '../open-loop-writer.ts'
import { sampleOf } from '../seeded-random.ts'
import { ServedWatch } from '../served-watch.ts'
import { knownShards } from '../shards.ts'
import type { KnownShard } from '../shards.ts'
import { waitUntil } from '../wait-until.ts'

const NAME = 'transfer'
/** From each of two regions. */
const WRITES_PER_S = 100
/** Acknowledged before the transfer, and again after it. */
const ACKNOWLEDGED_MIN = 300
const SHARDS_MIN = 3
const SHARDS_MAX = 12
const TRANSFER_MS_MAX = 60_000
const POLL_MS = 50
const NS_PER_MS = 1e6

interface Moving {
  readonly country: string
  readonly range: RangeDescriptor
  readonly shards: readonly KnownShard[]
}

export const transferAct: Act = {
  name: NAME,
  shows:
    'A country moves to another region while both regions write to it: its leaders freeze once the copies have caught up, ownership changes by one commit, and no request fails.',
  play: async (context) => {
    const { recorder, printer, clock, signal, keyspace } = context
    const { country, range, shards } = choose(context)
    const [target] = range.standbys
    if (target === undefined) throw new MeridianError('NO_ROUTE', `nobody follows ${country}`)
    printer.text(
      `${country} (${shards.length} shards) goes from ${range.owner} to ${target}; ${WRITES_PER_S} writes/s from each of them, open loop.`,
    )
    const first = recorder.events.length
    const writers = [range.owner, target].map(
      (region) =>
        new OpenLoopWriter({
          client: clientIn(context, region),
          shards,
          context,
          name: `${NAME}-${region}`,
          writesPerS: WRITES_PER_S,
          patient: true,
        }),
    )
    await using cleanup = new AsyncDisposableStack()
    for (const writer of writers) cleanup.use(writer).start()
    const more = async (what: string) => {
      const goals = writers.map((writer) => ({ writer, target: writer.acknowledged + ACKNOWLEDGED_MIN }))
      await waitUntil(what, clock, TRANSFER_MS_MAX, signal, () =>
        goals.every(({ writer, target: goal }) => writer.acknowledged >= goal),
      )
    }
    await more('writes before the transfer')
    const { operations } = clientIn(context, target).client
    const id = context.operation(NAME)
    const begunMs = clock.nowMs()
    const watch = new ServedWatch(recorder, shards, recorder.now())
    const order = { keyspace, key: range.start, target, reason: 'demo' }
    await operations.transfer(id, order, { signal })
    const phases = await follow(context, begunMs, () => operations.get(id, { signal }))
    await waitUntil(
      'every shard to be served by its new region',
      clock,
      TRANSFER_MS_MAX,
      signal,
      () => watch.poll() === 0,
    )
    await more('writes after the transfer')
    for (const writer of writers) await writer.stop()
    const writes = eventsOf(recorder.events.slice(first), 'write').filter(({ act }) => act === NAME)
    const gaps = distributionOf(shards.map(({ route }) => largestGapMs(writes, route.shardId)))
    const count = (status: string) => writes.filter((write) => write.status === status).length
    const figures = {
      phases,
      gapMs: gaps,
      acknowledged: count('ok'),
      failed: count('failed'),
      unknown: count('unknown'),
    }
    printer.lines(['', ...phaseTable(phases), ''])
    printer.text(
      `longest time without an acknowledged write, shard by shard: p50 ${formatMs(gaps.p50)}, max ${formatMs(gaps.max)}`,
    )
    printer.text(
      `${formatCount(figures.acknowledged)} writes acknowledged, ${figures.failed} failed, ${figures.unknown} unknown`,
    )
    return { country, from: range.owner, to: target, shards: shards.length, ...figures }
  },
}

/** A country of the first region that somebody follows, with a few shards; the largest when none has so few. */
function choose(context: DemoContext): Moving {
  const home = context.world.regions[0]?.id ?? ''
  const { ranges } = clientIn(context, home).client.router.map.global
  const byCountry = Map.groupBy(
    knownShards(context).filter(({ region }) => region === home),
    ({ country }) => country,
  )
  const candidates = [...byCountry].flatMap(([country, shards]) => {
    const start = shards[0]?.route.start
    const range = start === undefined ? undefined : ranges.find(context.keyspace, start)
    return range === undefined || range.standbys.length === 0 ? [] : [{ country, range, shards }]
  })
  const few = candidates.filter(({ shards }) => shards.length >= SHARDS_MIN && shards.length <= SHARDS_MAX)
  const [chosen] = few.length > 0 ? sampleOf(few, 1, context.random) : bySize(candidates)
  if (chosen === undefined) throw new MeridianError('NO_ROUTE', `${home} has no country that another region follows`)
  return chosen
}

const bySize = (candidates: readonly Moving[]) => candidates.toSorted((a, b) => b.shards.length - a.shards.length)

interface Phase {
  readonly phase: string
  /** From the beginning of the transfer. */
  readonly atMs: number
}

/** Phases as they are seen, until the operation ended. @throws MeridianError TRANSFER_ENDED when it was aborted */
async function follow(
  context: DemoContext,
  begunMs: number,
  look: () => Promise<Operation>,
): Promise<readonly Phase[]> {
  const { clock, printer, signal } = context
  const phases: Phase[] = []
  for (;;) {
    const operation = await look()
    const atMs = clock.nowMs() - begunMs
    if (phases.at(-1)?.phase !== operation.phase) phases.push({ phase: operation.phase, atMs })
    printer.progress(`${operation.phase} ${operation.note}, ${formatMs(atMs)}`)
    if (operation.ended && operation.phase !== 'done')
      throw new MeridianError('TRANSFER_ENDED', `the transfer was ${operation.phase}: ${operation.note}`)
    if (operation.ended) return phases
    if (atMs > TRANSFER_MS_MAX)
      throw new MeridianError('UNAVAILABLE', `the transfer is at ${operation.phase}: ${operation.note}`)
    await clock.sleep(POLL_MS, signal)
  }
}

function phaseTable(phases: readonly Phase[]): readonly string[] {
  return formatTable(
    [{ title: 'phase' }, { title: 'seen after', align: 'right' }],
    phases.map(({ phase, atMs }) => [phase, formatMs(atMs)]),
  )
}

/** Between two acknowledged writes of one shard. */
function largestGapMs(writes: readonly EventOf<'write'>[], shard: string): number {
  const times = writes
    .filter((write) => write.shard === shard && write.status === 'ok')
    .map(({ t }) => t)
    .toSorted((a, b) => a - b)
  return Math.max(0, ...times.slice(1).map((t, i) => (t - (times[i] ?? t)) / NS_PER_MS))
}
