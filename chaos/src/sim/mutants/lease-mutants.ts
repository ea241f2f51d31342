import type { RenewNodeResponse } from '@meridian/protocol'
import { NODE_PREFIX, RENEWALS_KEY } from '@meridian/topology'
import type { Life } from '../kernel/process.ts'
import { again, nodesOf, serversOf } from './fault-plans.ts'
import type { Mutant } from './mutant.ts'
import { puts, withoutGuards } from './txn-bends.ts'

/** A sample of the clock is used for so long by who does not look each time. */
const STALE_SAMPLE_MS = 4000

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    name: 'lease-from-receipt',
    breaks: 'a node counts its lease from the answer and not from the question',
    killedBy: ['lease-arithmetic', 'lease-reads'],
    seeds: 5,
    bends: () => ({
      received: (client, method, response, { sentLocalMs }) => {
        if (method !== 'NodeService/RenewNode') return response
        // Made by the codec of that very method.
        const { leaseMs, ...rest } = response as RenewNodeResponse
        // Counted from sending, as the node does, this ends when a lease counted from receipt would.
        return { ...rest, leaseMs: Math.round(leaseMs + client.clock.nowMs() - sentLocalMs) }
      },
    }),
  },
  {
    name: 'no-margin',
    breaks: 'a controller waits for a silent node no longer than its lease could last',
    killedBy: ['takeovers', 'lease-reads'],
    seeds: 10,
    bends: () => ({ timing: { nodeWaitMs: 6122 } }),
    faults: (world, random) =>
      again(world, random, { kind: 'kill', targets: nodesOf(world), everyMs: 9000, forMs: [8000, 12_000] }),
  },
  {
    name: 'takeover-without-compare',
    breaks: 'a node is given up without a compare that its renewals stood still',
    killedBy: ['takeovers'],
    seeds: 20,
    bends: () => ({
      txn: (_, store, txn) =>
        store !== 'g' && puts(txn, NODE_PREFIX) ? withoutGuards(txn, ({ key }) => key === RENEWALS_KEY) : txn,
      txnDelayMs: (life, store, txn) =>
        store !== 'g' && puts(txn, NODE_PREFIX) && txn.guards.some(({ key }) => key === RENEWALS_KEY) ? 1500 : 0,
    }),
    faults: (world, random) =>
      again(world, random, { kind: 'pause', targets: nodesOf(world), everyMs: 4000, forMs: [5500, 8500] }),
  },
  {
    name: 'keep-alive-for-renewal',
    breaks: "a region's renewal counts although the store did not commit it",
    killedBy: ['lease-arithmetic'],
    seeds: 5,
    bends: () => ({
      outcome: (life, store, txn) =>
        store.name === 'g' && store.leader === undefined && puts(txn, `/region/${life.process.region}`)
          ? { committed: true, revision: store.cluster.revision }
          : undefined,
    }),
    faults: (world, random) =>
      again(world, random, { kind: 'store-down', targets: ['g'], everyMs: 12_000, forMs: [5000, 8000], amount: 1 }),
  },
  {
    name: 'lease-checked-by-timer',
    breaks: 'a node checks its lease by a sample of the clock that may be old',
    killedBy: ['lease-arithmetic', 'lease-reads'],
    seeds: 10,
    profile: { pauseMs: 80 },
    bends: () => {
      const samples = new Map<Life, number>()
      return {
        handlerClock: (server, method, nowMs) => {
          if (method !== 'DataService/Read') return nowMs
          const sample = samples.get(server)
          if (sample !== undefined && nowMs - sample < STALE_SAMPLE_MS) return sample
          samples.set(server, nowMs)
          return nowMs
        },
      }
    },
    // Nobody renews the leases of leaders that everybody still believes in.
    faults: (world) =>
      [4000, 18_000, 32_000].flatMap((atMs) =>
        serversOf(world).map((target) => ({ kind: 'pause' as const, target, atMs, forMs: 10_000, amount: 0 })),
      ),
  },
]
