import { Envelope } from '@meridian/protocol'
import type { ReadResponse, WriteResponse } from '@meridian/protocol'
import {
  decodePage,
  decodeRange,
  encodePage,
  encodeRange,
  epoch,
  generation,
  NODE_PREFIX,
  PAGE_PREFIX,
  RANGE_PREFIX,
  RENEWALS_KEY,
  revision,
  STAMP_KEY,
} from '@meridian/topology'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import { again, nodesOf, pairsOf, serversOf } from './fault-plans.ts'
import type { Mutant } from './mutant.ts'
import { puts, withoutGuards, withValues } from './txn-bends.ts'

const ELECTION_PREFIX = '/elect/'
const OPERATION_PREFIX = '/op/'

export const TIER_MUTANTS: readonly Mutant[] = [
  {
    name: 'controller-without-election',
    breaks: 'what only the elected controller may commit is committed without a compare of its election',
    killedBy: ['controllers'],
    seeds: 30,
    firstSeed: 4,
    profile: { serversPerRegion: 2 },
    bends: () => ({
      txn: (_, __, txn) =>
        withoutGuards(txn, (guard) => guard.key.startsWith(ELECTION_PREFIX) && !puts(txn, ELECTION_PREFIX)),
    }),
    faults: (world, random) =>
      // As long as an election lasts and a moment more: whoever comes back then has not heard yet.
      again(world, random, { kind: 'pause', targets: serversOf(world), everyMs: 2500, forMs: [3700, 5700] }),
  },
  {
    name: 'ceiling-forgotten',
    breaks: 'a server that starts again does not know beyond what it may have stamped before',
    killedBy: ['clock-sanity'],
    seeds: 5,
    bends: () => ({ ceiling: (_, ceiling) => ({ ...ceiling, load: () => 0 }) }),
    faults: (world, random) => [
      ...again(world, random, {
        kind: 'clock-jump',
        targets: serversOf(world),
        everyMs: 6000,
        forMs: [8000, 12_000],
        amount: -2000,
      }),
      ...again(world, random, { kind: 'kill', targets: serversOf(world), everyMs: 2000, forMs: [300, 1500] }),
    ],
  },
  {
    name: 'epoch-not-raised',
    breaks: 'a shard gets another leader under the same epoch',
    killedBy: ['one-leader'],
    seeds: 5,
    bends: () => ({
      txn: (_, __, txn) =>
        withValues(txn, PAGE_PREFIX, (___, value) => {
          const page = decodePage(value)
          const shards = page.shards.map((shard) => ({ ...shard, epoch: epoch(1n) }))
          return encodePage({ ...page, shards })
        }),
    }),
    faults: (world, random) =>
      again(world, random, { kind: 'kill', targets: nodesOf(world), everyMs: 6000, forMs: [500, 9000] }),
  },
  {
    name: 'generation-of-its-own',
    breaks: 'a region commits its shards under a generation that G did not give it',
    killedBy: ['subordination'],
    seeds: 3,
    bends: () => ({
      txn: (_, __, txn) =>
        withValues(txn, PAGE_PREFIX, (___, value) => {
          const page = decodePage(value)
          return encodePage({ ...page, generation: generation(page.generation + 100n) })
        }),
    }),
  },
  {
    name: 'generation-not-raised',
    breaks: 'a range changes its owner or its bounds and keeps its generation',
    killedBy: ['generations'],
    seeds: 5,
    bends: () => ({
      txn: (_, store, txn) =>
        store !== 'g'
          ? txn
          : withValues(txn, RANGE_PREFIX, (__, value) => {
              const range = decodeRange(value)
              const lower = range.generation > 1n ? range.generation - 1n : range.generation
              return encodeRange({ ...range, generation: generation(lower) })
            }),
    }),
  },
  {
    name: 'merge-left-plus-one',
    breaks: 'the generation of a merged range is that of its left half and one, whatever its right half had',
    killedBy: ['generations'],
    seeds: 5,
    profile: { operatorPauseMs: 300 },
    bends: ({ store }) => ({
      txn: (_, tier, txn) => {
        const removes = txn.operations.some(({ kind, key }) => kind === 'delete' && key.startsWith(RANGE_PREFIX))
        if (tier !== GLOBAL_TIER || !removes) return txn
        return withValues(txn, RANGE_PREFIX, (key, value) => {
          const before = store(tier).cluster.history.at(key)
          if (before === undefined) return value
          const left = decodeRange(before.value).generation
          return encodeRange({ ...decodeRange(value), generation: generation(left + 1n) })
        })
      },
    }),
    faults: () => [],
  },
  {
    name: 'ranges-not-compared',
    breaks: 'ownership is changed without a compare of the ranges that the decision stood on',
    killedBy: ['one-owner', 'generations'],
    seeds: 30,
    profile: { operatorPauseMs: 120 },
    bends: () => ({
      txn: (_, store, txn) => (store === 'g' ? withoutGuards(txn, ({ key }) => key.startsWith(RANGE_PREFIX)) : txn),
    }),
    faults: () => [],
  },
  {
    name: 'stamp-not-compared',
    breaks: 'an ordering event is committed without a compare of its stamp with the last one',
    killedBy: ['stamp-order'],
    seeds: 10,
    profile: { operatorPauseMs: 250 },
    bends: () => ({ txn: (_, __, txn) => withoutGuards(txn, ({ key }) => key === STAMP_KEY) }),
  },
  {
    name: 'acknowledged-and-not-committed',
    breaks: 'a change of ownership is acknowledged that the store did not commit',
    killedBy: ['metadata-writes', 'metadata'],
    seeds: 5,
    bends: ({ random }) => ({
      outcome: (_, store, txn) =>
        store.name === 'g' && puts(txn, OPERATION_PREFIX) && random.chance(0.2)
          ? { committed: true, revision: revision(store.cluster.revision + 1n) }
          : undefined,
    }),
  },
  {
    name: 'reads-of-the-past',
    breaks: 'a read that should be linearizable is answered from what a member had some time ago',
    killedBy: ['metadata', 'metadata-search'],
    seeds: 40,
    firstSeed: 6,
    profile: { operatorPauseMs: 150 },
    bends: () => ({
      readAt: (_, store) => {
        const { revision: head } = store.cluster
        return store.name === 'g' && head > 60n ? head - 40n : undefined
      },
    }),
    faults: (world, random) =>
      again(world, random, {
        kind: 'slow-link',
        targets: pairsOf(world),
        everyMs: 3000,
        forMs: [3000, 6000],
        amount: 1500,
      }),
  },
  {
    name: 'silence-is-no-reason',
    breaks: 'a silent node keeps its shards for ever',
    killedBy: ['node-failover'],
    seeds: 10,
    firstSeed: 2,
    bends: () => ({
      outcome: (_, store, txn) =>
        store.name !== 'g' && puts(txn, NODE_PREFIX) && txn.guards.some(({ key }) => key === RENEWALS_KEY)
          ? { committed: false, revision: store.cluster.revision, records: [] }
          : undefined,
    }),
    faults: (world, random) => {
      const [target] = [random.pick(nodesOf(world))]
      return [{ kind: 'kill', target, atMs: 5000, forMs: 30_000, amount: 0 }]
    },
  },
  {
    name: 'beacon-of-the-past',
    breaks: 'a beacon tells where the publisher began, so that nobody notices a message that was lost since',
    killedBy: ['commit-seen'],
    seeds: 20,
    firstSeed: 10,
    // A later message would show that one before it is missing, and so would a refusal.
    profile: { operatorPauseMs: 60_000, pauseMs: 10_000 },
    bends: () => {
      const first = new Map<string, { readonly revision: bigint; readonly digest: string }>()
      return {
        feed: (payload) => {
          const { body } = Envelope.decode(payload)
          if (body?.$case !== 'beacon') return payload
          const { stream, revision: at, digest } = body.value
          const begun = first.get(stream) ?? { revision: at, digest }
          first.set(stream, begun)
          return Envelope.encode({ body: { $case: 'beacon', value: { ...body.value, ...begun } } }).finish()
        },
      }
    },
    faults: (world, random) => [
      ...pairsOf(world).map((target) => ({
        kind: 'lossy-link' as const,
        target,
        atMs: 20_000,
        forMs: 12_000,
        amount: 0.5,
      })),
      ...again(world, random, { kind: 'kill', targets: nodesOf(world), everyMs: 3000, forMs: [2000, 9000] }),
    ],
  },
  {
    name: 'refusal-without-record',
    breaks: 'a refusal teaches nothing, so that who was refused asks in vain again',
    killedBy: ['redirects'],
    seeds: 10,
    // The feed would teach it before long.
    bends: ({ random }) => ({
      feed: (payload) =>
        Envelope.decode(payload).body?.$case === 'update' && random.chance(0.7) ? undefined : payload,
      received: (_, method, response) => {
        if (method !== 'DataService/Read' && method !== 'DataService/Write') return response
        // Made by the codec of that very method.
        const { outcome } = response as ReadResponse | WriteResponse
        if (outcome?.$case !== 'refusal') return response
        return { outcome: { $case: 'refusal', value: { ...outcome.value, newest: undefined } } }
      },
    }),
    profile: { pauseMs: 60, operatorPauseMs: 400 },
    faults: () => [],
  },
]
