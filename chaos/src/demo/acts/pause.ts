import { ChannelPool } from '@meridian/rpc'
import { compareTokens, formatKey, formatToken, MeridianError } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { placeKey } from '../../cities/place.ts'
import type { ProbeEvent } from '../../history/event.ts'
import { valueMark } from '../../history/value-mark.ts'
import { formatMs } from '../../report/figures.ts'
import { formatTable } from '../../report/table.ts'
import { clientIn, regionIn } from '../demo-context.ts'
import type { Act, DemoContext } from '../demo-context.ts'
import { DirectNode } from '../direct-node.ts'
import type { DirectOutcome } from '../direct-node.ts'
import { diallingOf } from '../recorded-client.ts'
import { sampleOf } from '../seeded-random.ts'
import { ServedWatch } from '../served-watch.ts'
import { besideKey, busiestLeader, routeNow } from '../shards.ts'
import type { KnownShard } from '../shards.ts'
import { waitUntil } from '../wait-until.ts'

const NAME = 'pause'
const SHARDS_MAX = 8
const FAILOVER_MS_MAX = 40_000
/** Requests sent while the node sleeps wait in its sockets when it wakes up. */
const WAITING_ROUNDS = 2
/** Until they are there. Nobody can be asked whether they are; should they come later, they are refused all the same. */
const WAITING_MS = 250
/** Then more, one round after the other, until it knows that it was deposed. */
const ROUNDS_MAX = 50

interface Answered {
  readonly operation: ProbeEvent['operation']
  readonly when: 'waiting' | 'awake'
  readonly answer: DirectOutcome
}

export const pauseAct: Act = {
  name: NAME,
  shows:
    'SIGSTOP of a leader across a failover: when it wakes up, every write and read under its old token is refused, those that waited in its sockets first.',
  play: async (context) => {
    const { world, recorder, printer, signal, clock } = context
    const region = (world.regions[2] ?? world.regions[0])?.id ?? ''
    const sleeper = busiestLeader(context, region)
    const shards = sampleOf(sleeper.shards, SHARDS_MAX, context.random)
    const client = clientIn(context, region)
    const [address] = shards.map(({ route }) => route.address)
    if (address === undefined) throw new MeridianError('NO_ROUTE', `${sleeper.node} leads nothing`)
    await using pool = new ChannelPool(diallingOf(regionIn(world, region)))
    const old = new DirectNode(pool, address)
    // Makes the connection, and shows that the very same requests are answered while the token is right.
    const warm = await Promise.all(
      shards.map(({ route, anchor }) => old.read(route.shardId, route.token, placeKey(anchor), 'quorum', signal)),
    )
    if (warm.some(({ outcome }) => outcome !== 'answered'))
      throw new MeridianError('NOT_SERVING', `${sleeper.node} does not serve`)

    const pausedMs = clock.nowMs()
    const watch = new ServedWatch(recorder, shards, recorder.now())
    recorder.record({ kind: 'fault', fault: 'pause', target: sleeper.processName })
    world.pause(sleeper.processName)
    let answers: readonly Answered[]
    try {
      await waitUntil('the map to show new leaders', clock, FAILOVER_MS_MAX, signal, () => {
        printer.progress(`${sleeper.node} sleeps for ${formatMs(clock.nowMs() - pausedMs)}`)
        return shards.every((shard) => tokenNow(context, shard) !== undefined)
      })
      const mappedMs = clock.nowMs() - pausedMs
      await Promise.all(
        shards.map(({ anchor }, i) => {
          const write = { key: besideKey(anchor, `${NAME}-new-${i}`), value: Buffer.from(`new leader ${i}`) }
          return client.write(context.keyspace, [write], { signal })
        }),
      )
      await waitUntil('writes at the new leaders', clock, FAILOVER_MS_MAX, signal, () => watch.poll() === 0)
      printer.text(
        `${sleeper.node} stopped; its ${sleeper.shards.length} shards had new leaders in the map after ${formatMs(mappedMs)}, and writes were acknowledged there after ${formatMs(Math.max(...watch.afterMs))}.`,
      )
      const waiting = round(context, old, sleeper.node, shards, 0, 'waiting', WAITING_ROUNDS)
      await clock.sleep(WAITING_MS, signal)
      recorder.record({ kind: 'fault', fault: 'resume', target: sleeper.processName })
      world.resume(sleeper.processName)
      answers = [...(await waiting), ...(await untilItKnows(context, old, sleeper.node, shards))]
    } finally {
      // Also when something above failed: a stopped process would hold up the end of the world. Twice does no harm.
      world.resume(sleeper.processName)
    }
    const rows = tally(answers)
    printer.lines([
      '',
      ...formatTable(
        [
          { title: 'request under the old token' },
          { title: 'sent' },
          { title: 'answer' },
          { title: 'times', align: 'right' },
        ],
        rows.map(({ operation, when, answer, times }) => [
          operation,
          when === 'waiting' ? 'while it slept' : 'when awake',
          answer,
          String(times),
        ]),
      ),
      '',
    ])
    const refused = answers.filter(({ answer }) => answer.outcome === 'refused').length
    printer.text(`${refused} of ${answers.length} requests refused.`)
    return {
      region,
      node: sleeper.node,
      shards: shards.length,
      servedMs: watch.afterMs,
      refused,
      requests: answers.length,
      answers: rows,
    }
  },
}

function tokenNow(context: DemoContext, shard: KnownShard): Token | undefined {
  const route = routeNow(context, shard)
  return route !== undefined && compareTokens(route.token, shard.route.token) > 0 ? route.token : undefined
}

/** A write and both kinds of read to every shard, all at once, `times` over. */
async function round(
  context: DemoContext,
  node: DirectNode,
  name: string,
  shards: readonly KnownShard[],
  number: number,
  when: Answered['when'],
  times: number,
): Promise<readonly Answered[]> {
  const { recorder, signal } = context
  const rounds = Array.from({ length: times }, (_, i) => number + i)
  const requests = rounds.flatMap((each) =>
    shards.flatMap(({ route, anchor }) => {
      const key = besideKey(anchor, `${NAME}-old-${when}-${each}`)
      const value = Buffer.from(`old leader ${when} ${each}`)
      const write = { session: `${NAME}-${name}-${when}`, sequence: BigInt(each + 1), key, value }
      const probe = { kind: 'probe' as const, node: name, shard: route.shardId, token: formatToken(route.token) }
      const of = async (operation: ProbeEvent['operation'], asked: Promise<DirectOutcome>): Promise<Answered> => {
        const answer = await asked
        const { outcome } = answer
        const tried = operation === 'write' ? { key: formatKey(key), value: valueMark(value) } : { key: '', value: '' }
        recorder.record({ ...probe, operation, ...tried, outcome, code: outcome === 'answered' ? '' : answer.code })
        return { operation, when, answer }
      }
      return [
        of('write', node.write(route.shardId, route.token, write, signal)),
        of('read-quorum', node.read(route.shardId, route.token, placeKey(anchor), 'quorum', signal)),
        of('read-lease', node.read(route.shardId, route.token, placeKey(anchor), 'lease', signal)),
      ]
    }),
  )
  return Promise.all(requests)
}

/** Rounds until every refusal names the new leader: from then on the node has nothing left to learn. */
async function untilItKnows(
  context: DemoContext,
  node: DirectNode,
  name: string,
  shards: readonly KnownShard[],
): Promise<readonly Answered[]> {
  const all: Answered[] = []
  for (let number = 0; number < ROUNDS_MAX; number += 1) {
    const answers = await round(context, node, name, shards, number, 'awake', 1)
    all.push(...answers)
    if (
      answers.every(
        ({ answer }) => answer.outcome === 'refused' && answer.newestLeader !== '' && answer.newestLeader !== name,
      )
    ) {
      return all
    }
    await context.clock.sleep(20, context.signal)
  }
  return all
}

function tally(answers: readonly Answered[]) {
  const groups = Map.groupBy(answers, ({ operation, when, answer }) => {
    const text = answer.outcome === 'answered' ? 'ANSWERED' : answer.code
    return `${operation}|${when}|${text}`
  })
  return [...groups].map(([name, group]) => {
    const [operation = '', when = '', answer = ''] = name.split('|')
    return { operation, when, answer, times: group.length }
  })
}
