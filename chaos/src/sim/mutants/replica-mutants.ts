import type { LogEntry, NodeStorage } from '@meridian/data-node/memory'
import type { ReadRequest, ReadResponse, WriteRequest } from '@meridian/protocol'
import { toWireToken } from '@meridian/protocol'
import { compareTokens, MeridianError, ZERO_TOKEN } from '@meridian/topology'
import { parseToken } from '../../history/token-text.ts'
import { again, nodesOf, pairsOf, serversOf } from './fault-plans.ts'
import type { Mutant } from './mutant.ts'

/** Kills and pauses that change leaders, and links that lose messages. */
const TURMOIL: NonNullable<Mutant['faults']> = (world, random) => [
  ...again(world, random, { kind: 'kill', targets: nodesOf(world), everyMs: 6000, forMs: [500, 9000] }),
  ...again(world, random, { kind: 'pause', targets: nodesOf(world), everyMs: 9000, forMs: [7000, 10_000] }),
  ...again(world, random, {
    kind: 'lossy-link',
    targets: pairsOf(world),
    everyMs: 9000,
    forMs: [3000, 9000],
    amount: 0.2,
  }),
]

const tokenOf = ({ token }: LogEntry) => token

/** Everything as it is but for what `change` makes of it. */
function changed(storage: NodeStorage, change: Partial<NodeStorage>): NodeStorage {
  return new Proxy(storage, {
    get: (target, name) => {
      const own: unknown = Reflect.get(change, name)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export const REPLICA_MUTANTS: readonly Mutant[] = [
  {
    name: 'promise-not-persisted',
    breaks: 'a replica answers for a promise that its disk does not have',
    killedBy: ['ratchet'],
    seeds: 5,
    bends: () => ({
      storage: (_, storage) =>
        changed(storage, {
          write: (shard, write) => {
            const held = storage.load(shard)
            const tokens = [...(held?.entries ?? []), ...write.append].map(tokenOf)
            const promised = tokens.reduce((a, b) => (compareTokens(a, b) < 0 ? b : a), held?.base.token ?? ZERO_TOKEN)
            return storage.write(shard, { ...write, promised })
          },
        }),
    }),
    faults: TURMOIL,
  },
  {
    name: 'epoch-alone',
    breaks: 'a replica compares the epochs of tokens, and not their generations first',
    killedBy: ['ratchet', 'log-order'],
    seeds: 5,
    profile: { operatorPauseMs: 400, transferShare: 0.6 },
    bends: () => ({
      rules: {
        ratchet: ({ epoch: promised }, { epoch: offered }) =>
          offered < promised ? 'refused' : offered === promised ? 'kept' : 'raised',
      },
    }),
    faults: TURMOIL,
  },
  {
    name: 'any-token-at-the-door',
    breaks: 'a node serves every other request whatever its token',
    killedBy: ['door'],
    seeds: 3,
    profile: { operatorPauseMs: 200, shardsPerRange: 1, keysPerRange: 4, workersPerRegion: 3, pauseMs: 2500 },
    bends: ({ node, random }) => ({
      request: (server, method, request) => {
        if (method !== 'DataService/Write' && method !== 'DataService/Read') return request
        // Without a single refusal nothing would have been tried.
        if (random.chance(0.5)) return request
        // Made by the codec of that very method.
        const asked = request as WriteRequest | ReadRequest
        const own = node(server.process.name)
          ?.status()
          .shards.find(({ shardId }) => shardId === asked.shardId)?.token
        return own === undefined ? request : { ...asked, token: toWireToken(parseToken(own)) }
      },
    }),
    // Clients that hear of no change any more, while leaders come and go and come back.
    faults: (world, random) => [
      ...again(world, random, {
        kind: 'storm',
        targets: world.plans.map(({ region }) => region),
        everyMs: 3000,
        forMs: [200, 600],
        amount: 1,
      }),
      ...world.plans.flatMap(({ client }) =>
        serversOf(world).flatMap((server) =>
          again(world, random, {
            kind: 'cut',
            targets: [`${client}>${server}`],
            everyMs: 20_000,
            forMs: [12_000, 18_000],
          }),
        ),
      ),
    ],
  },
  {
    name: 'one-replica-sealed',
    breaks: 'a leader serves when it alone has promised',
    killedBy: ['seals', 'no-loss', 'registers', 'log-order', 'quarantine'],
    seeds: 40,
    bends: () => ({ rules: { sealQuorum: () => 1 } }),
    faults: TURMOIL,
  },
  {
    name: 'read-before-seal',
    breaks: 'a leader builds on its own log and not on the best of those that sealed',
    killedBy: ['no-loss', 'registers', 'log-order', 'ratchet', 'quarantine'],
    seeds: 40,
    bends: () => ({ rules: { compareLogs: () => 0 } }),
    faults: TURMOIL,
  },
  {
    name: 'one-copy-is-committed',
    breaks: 'a write is acknowledged when one replica has it',
    killedBy: ['no-loss', 'registers', 'log-order', 'quarantine'],
    seeds: 80,
    firstSeed: 55,
    bends: () => ({ rules: { writeQuorum: () => 1 } }),
    faults: TURMOIL,
  },
  {
    name: 'acknowledged-before-the-disk',
    breaks: 'a replica answers before the disk has what it answers for',
    killedBy: ['ratchet', 'no-loss', 'registers', 'log-order', 'quarantine'],
    seeds: 20,
    bends: () => ({
      storage: (_, storage) =>
        changed(storage, {
          write: (shard, write) => {
            void storage.write(shard, write)
            return Promise.resolve()
          },
          settled: () => Promise.resolve(),
        }),
    }),
    faults: (world, random) => [
      ...again(world, random, { kind: 'kill', targets: nodesOf(world), everyMs: 1500, forMs: [300, 2500] }),
      ...again(world, random, {
        kind: 'disk-slow',
        targets: nodesOf(world),
        everyMs: 1500,
        forMs: [4000, 8000],
        amount: 700,
      }),
      ...again(world, random, {
        kind: 'storm',
        targets: world.plans.map(({ region }) => region),
        everyMs: 5000,
        forMs: [300, 1500],
      }),
    ],
  },
  {
    name: 'unknown-answered-as-failed',
    breaks: 'a request that got no answer counts as one without effect',
    killedBy: ['failed'],
    seeds: 10,
    bends: () => ({
      error: (_, method, error) =>
        method === 'DataService/Write' && error.code === 'OUTCOME_UNKNOWN'
          ? new MeridianError('UNAVAILABLE', error.message)
          : error,
    }),
    faults: TURMOIL,
  },
  {
    name: 'answered-from-a-cache',
    breaks: 'a client shows a value that it had read before',
    killedBy: ['registers', 'registers-search'],
    seeds: 5,
    bends: ({ random }) => {
      const known = new Map<string, ReadResponse>()
      return {
        received: (client, method, response) => {
          // Made by the codec of that very method.
          if (method !== 'DataService/Read' || (response as ReadResponse).outcome?.$case !== 'results') return response
          const before = known.get(client.process.name)
          known.set(client.process.name, response as ReadResponse)
          return before !== undefined && random.chance(0.05) ? before : response
        },
      }
    },
  },
]
