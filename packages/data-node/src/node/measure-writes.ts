import { DataServiceDefinition } from '@meridian/protocol'
import { ChannelPool, clientOf } from '@meridian/rpc'
import { freePorts, tempDir, waitFor } from '@meridian/testkit'
import { NodeProcess } from './test-node-process.ts'
import { TestRegion } from './test-region.ts'

/**
 * How many items a second one shard of three replicas acknowledges, each node in a process of its own, everything on
 * one disk: `node packages/data-node/src/node/measure-writes.ts [seconds] [writers] [items per write]`.
 */
const NODES = ['n1', 'n2', 'n3'] as const
const [seconds = 5, writers = 4, items = 500] = process.argv.slice(2).map(Number)

await using stack = new AsyncDisposableStack()
const dir = stack.use(await tempDir())
const region = stack.use(await new TestRegion().start())
const pool = stack.use(new ChannelPool())
const ports = await freePorts(NODES.length)
for (const [at, id] of NODES.entries()) {
  const node = stack.use(
    new NodeProcess({
      node: id,
      listen: `127.0.0.1:${ports[at]}`,
      dataDir: `${dir.path}/${id}`,
      regionServers: [region.address],
    }),
  )
  node.start()
}
await waitFor('nodes', () => NODES.every((id) => region.epochOf(id) > 0n), { timeoutMs: 20_000 })
const record = region.assign('7.0', 1n, 1n, 'n1', NODES)
const client = clientOf(DataServiceDefinition, pool.channel(record.leaderAddress))
const value = Buffer.alloc(100, 'x')

async function write(session: string, sequence: number): Promise<boolean> {
  const batch = Array.from({ length: items }, (_, at) => {
    const number = sequence * items + at
    return { sequence: BigInt(number), key: Buffer.from(`k${session}-${number % 100_000}`), value }
  })
  const { outcome } = await client.write(
    { shardId: record.shardId, token: record.token, session, items: batch },
    { timeoutMs: 10_000 },
  )
  return outcome?.$case === 'results'
}
await waitFor('the leader', () => write('probe', 0), { timeoutMs: 10_000 })

const begun = performance.now()
const took: number[] = []
await Promise.all(
  Array.from({ length: writers }, async (_, at) => {
    for (let sequence = 0; performance.now() - begun < seconds * 1000; sequence++) {
      const sent = performance.now()
      if (!(await write(`w${at}`, sequence))) throw new Error('refused')
      took.push(performance.now() - sent)
    }
  }),
)
const elapsed = (performance.now() - begun) / 1000
took.sort((a, b) => a - b)
const at = (share: number): string => (took[Math.floor(share * (took.length - 1))] ?? 0).toFixed(2)
process.stdout.write(
  `${JSON.stringify({ writers, items, writes: took.length, itemsPerSecond: Math.round((took.length * items) / elapsed), p50Ms: at(0.5), p99Ms: at(0.99) })}\n`,
)
