import { decodeRegionLease, REGION_LEASE_PREFIX } from '@meridian/global'
import type { ConfirmRangesRequest, ConfirmRangesResponse } from '@meridian/protocol'
import type { Txn } from '@meridian/store'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import type { FaultStep } from '../faults/fault-step.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { SimWorld } from '../world/world.ts'
import { again, serversOf } from './fault-plans.ts'
import type { Mutant } from './mutant.ts'
import { withoutGuards } from './txn-bends.ts'

/** A region is cut off, its client with it, for longer than others wait for it. */
function cutOff(world: SimWorld, random: SimRandom, forMs = 16_000): FaultStep {
  return { kind: 'isolate', target: random.pick(world.plans).region, atMs: 4000, forMs, amount: 0 }
}

/** Takes the authority of a silent region. */
const declares = ({ operations }: Txn): boolean =>
  operations.some(
    (operation) =>
      operation.kind === 'put' &&
      operation.key.startsWith(REGION_LEASE_PREFIX) &&
      decodeRegionLease(operation.value).status === 'silent',
  )

/** On takeovers of regions, and on what a region may do that was taken over. */
export const REGION_MUTANTS: readonly Mutant[] = [
  {
    name: 'region-taken-without-compare',
    breaks: 'the authority of a region is taken without a compare that its lease stood still',
    killedBy: ['takeovers'],
    seeds: 15,
    bends: () => ({
      txn: (_, store, txn) =>
        store === GLOBAL_TIER && declares(txn)
          ? withoutGuards(txn, ({ key }) => key.startsWith(REGION_LEASE_PREFIX))
          : txn,
      txnDelayMs: (_, store, txn) => (store === GLOBAL_TIER && declares(txn) ? 2500 : 0),
    }),
    faults: (world, random) =>
      again(world, random, { kind: 'pause', targets: serversOf(world), everyMs: 15_000, forMs: [9600, 12_500] }),
  },
  {
    name: 'silence-through-an-outage',
    breaks: 'time in which the global tier answered nobody counts as silence of its regions',
    killedBy: ['takeovers'],
    seeds: 10,
    profile: { standstill: false },
    bends: () => ({ readsWithoutLeader: true, termOf: () => 1n }),
    // One region comes back a little later than the store does.
    faults: (world, random) => [
      { kind: 'store-down', target: GLOBAL_TIER, atMs: 4000, forMs: 9000, amount: 1 },
      { kind: 'kill', target: random.pick(serversOf(world)), atMs: 4500, forMs: 17_000, amount: 1 },
    ],
  },
  {
    name: 'ranges-not-confirmed',
    breaks: "a region's lease covers every range that a node asks about, whoever owns it by now",
    killedBy: ['region-authority'],
    seeds: 60,
    firstSeed: 26,
    profile: { serversPerRegion: 2, pauseMs: 100, standstill: false },
    bends: () => ({
      received: (_, method, response, { request }) => {
        if (method !== 'NodeService/ConfirmRanges') return response
        // Made by the codec of that very method.
        const { remainingMs } = response as ConfirmRangesResponse
        const { ranges } = request as ConfirmRangesRequest
        return remainingMs === 0 ? response : { remainingMs, confirmed: ranges }
      },
    }),
    // Back again, a region renews its lease by one server, and the other one, which may be its controller, stands still;
    // and its client has not heard either.
    faults: (world, random) => {
      const cut = cutOff(world, random)
      const plan = world.plans.find(({ region }) => region === cut.target)
      if (plan === undefined) throw new Error('assertion: a region without a plan')
      const atMs = cut.atMs + cut.forMs - 1500
      return [
        cut,
        { kind: 'pause', target: random.pick(plan.servers), atMs, forMs: 9000, amount: 0 },
        ...serversOf(world).map((server) => ({
          kind: 'cut' as const,
          target: `${plan.client}>${server}`,
          atMs: cut.atMs,
          forMs: cut.forMs + 8000,
          amount: 0,
        })),
      ]
    },
  },
  {
    name: 'full-term-for-nodes',
    breaks: "a node is answered a whole lease, whatever is left of its region's",
    killedBy: ['region-authority', 'lease-arithmetic'],
    seeds: 5,
    profile: { standstill: false },
    bends: () => ({
      received: (_, method, response) => {
        if (method !== 'NodeService/ConfirmRanges') return response
        // Made by the codec of that very method.
        const { remainingMs, confirmed } = response as ConfirmRangesResponse
        return { remainingMs: remainingMs === 0 ? 0 : 9000, confirmed }
      },
    }),
    faults: (world, random) => [cutOff(world, random)],
  },
  {
    name: 'quarantine-truncated',
    breaks: 'what a region acknowledged and the others went on without is dropped when it returns',
    killedBy: ['quarantine'],
    seeds: 5,
    profile: { standstill: false },
    bends: () => ({ rules: { quarantined: () => [] } }),
    faults: (world, random) => [cutOff(world, random)],
  },
]
