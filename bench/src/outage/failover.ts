import { waitUntil } from './wait-until.ts'
import { distributionOf } from '../distribution.ts'
import type { Distribution } from '../distribution.ts'
import { KEYSPACE, keyIn, OutageWorld } from './outage-world.ts'
import type { OutageOptions } from './outage-world.ts'
import { OutageWriter } from './outage-writer.ts'

export interface FailoverOptions extends OutageOptions {
  readonly kills: number
  /** Lease and wait of a node, ms; renewals three times per lease. */
  readonly nodeLeaseMs: number
  readonly nodeWaitMs: number
  readonly writesPerS: number
}

export interface FailoverLine {
  readonly bench: 'failover'
  readonly kill: number
  readonly node: string
  /** Shards that it led. */
  readonly shards: number
  /** From SIGKILL to the acknowledgement of the first write due after it in a shard that it led; first and last shard. */
  readonly firstMs: number
  readonly lastMs: number
}

export interface FailoverResult {
  readonly bench: 'failover-summary'
  readonly kills: number
  readonly nodeLeaseMs: number
  readonly nodeWaitMs: number
  readonly writesPerS: number
  /** Over all shards of all kills. */
  readonly perShardMs: Distribution
  readonly lastShardMs: Distribution
  readonly failed: number
  readonly unknown: number
}

const SHARDS = 12
const SERVED_MS_MAX = 60_000
const REJOIN_MS_MAX = 60_000
const SETTLE_WRITES = 40

/**
 * How long shards go without acknowledging writes after SIGKILL of the node that leads them, one kill after the other, each
 * time of the node that leads most.
 */
export async function runFailover(
  options: FailoverOptions,
): Promise<{ readonly lines: readonly FailoverLine[]; readonly result: FailoverResult }> {
  const { kills, nodeLeaseMs, nodeWaitMs, writesPerS, clock, signal, progress } = options
  await using world = await OutageWorld.open(options, {
    nodeLease: `${nodeLeaseMs}ms`,
    nodeRenew: `${Math.floor(nodeLeaseMs / 3)}ms`,
    nodeWait: `${nodeWaitMs}ms`,
  })
  const [home, next] = world.world.regions
  if (home === undefined || next === undefined) throw new Error('assertion: a world of one region')
  await world.createRanges(home.id, next.id, 1, SHARDS)
  const client = world.client(home.id)
  const slots = Array.from({ length: SHARDS }, (_, shard) => shard)
  const route = (shard: number) => client.router.route(KEYSPACE, keyIn(0, shard, 'route'))
  const routed = () => slots.every((shard) => route(shard).ok)
  await waitUntil('every shard to have a leader', clock, SERVED_MS_MAX, signal, routed)
  await using writer = new OutageWriter({
    client,
    slots: SHARDS,
    keyOf: (shard, number) => keyIn(0, shard, String(number)),
    writesPerS,
    clock,
    signal,
  })
  writer.start()
  const lines: FailoverLine[] = []
  const perShard: number[] = []
  for (let kill = 1; kill <= kills; kill += 1) {
    const settled = writer.acks.length + SETTLE_WRITES
    await waitUntil(
      'writes before the kill',
      clock,
      SERVED_MS_MAX,
      signal,
      () => writer.acks.length >= settled && routed(),
    )
    const led = Map.groupBy(slots, (shard) => {
      const found = route(shard)
      return found.ok ? found.route.leader : ''
    })
    const [most] = [...led].filter(([node]) => node !== '').toSorted(([, a], [, b]) => b.length - a.length)
    const node = home.nodes.find(({ id }) => id === most?.[0])
    if (most === undefined || node === undefined) throw new Error('assertion: nobody leads')
    const killedMs = clock.nowMs()
    await world.world.kill(node.processName)
    const served = () => writer.servedSince(killedMs)
    await waitUntil(`the shards of ${node.id} to be served again`, clock, SERVED_MS_MAX, signal, () =>
      most[1].every((shard) => served()[shard] !== undefined),
    )
    const afterMs = most[1].map((shard) => (served()[shard] ?? 0) - killedMs)
    perShard.push(...afterMs)
    const line: FailoverLine = {
      bench: 'failover',
      kill,
      node: node.id,
      shards: most[1].length,
      firstMs: round(Math.min(...afterMs)),
      lastMs: round(Math.max(...afterMs)),
    }
    lines.push(line)
    progress(`kill ${kill} of ${kills}: ${node.id}, ${line.shards} shards, last served after ${line.lastMs} ms`)
    await world.world.restart(node.processName)
    await waitUntil(`${node.id} to be back`, clock, REJOIN_MS_MAX, signal, async () => {
      const { nodes } = await client.control.status(undefined, { signal })
      return nodes.some(({ nodeId, status }) => nodeId === node.id && status === 'up')
    })
  }
  await writer.stop()
  const result: FailoverResult = {
    bench: 'failover-summary',
    kills,
    nodeLeaseMs,
    nodeWaitMs,
    writesPerS,
    perShardMs: rounded(distributionOf(perShard)),
    lastShardMs: rounded(distributionOf(lines.map(({ lastMs }) => lastMs))),
    failed: writer.failed,
    unknown: writer.unknown,
  }
  return { lines, result }
}

export const round = (ms: number): number => Math.round(ms * 10) / 10

export const rounded = ({ count, p50, p99, max }: Distribution): Distribution => ({
  count,
  p50: round(p50),
  p99: round(p99),
  max: round(max),
})
