import {
  bootstrapGlobal,
  encodeJournal,
  encodeRegionLease,
  GLOBAL_MIRROR_PREFIXES,
  GlobalView,
  OwnershipService,
  RegionVerbs,
  registerRegion,
  takeoverOperation,
  Transfers,
} from '@meridian/global'
import type { JournalEntry, RegionSight, TakeoverEntry, TransferEntry } from '@meridian/global'
import { HybridClock } from '@meridian/hlc'
import { ManualClock as ManualWall } from '@meridian/hlc/testing'
import { silentLogger, systemClock } from '@meridian/loop'
import type { ReplicaMove } from '@meridian/protocol'
import type { Call } from '@meridian/rpc'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import { Mirror } from '@meridian/store/mirror'
import {
  generation,
  journalKey,
  keyOfText,
  keyspaceName,
  MeridianError,
  nodeId,
  operationId,
  rangeId,
  regionId,
  regionLeaseKey,
  shardId,
  ZERO_TOKEN,
} from '@meridian/topology'
import type { NodeDuty, NodeId, OperationId, RangeDescriptor, RegionId, Revision } from '@meridian/topology'
import type { NodeOperations, OperationParts, RangeLoad } from './operation-parts.ts'

/** For tests: the handlers of a server of `us` over a global tier in memory, with ports that keep what they were told. */

export const US = regionId('us')
export const EU = regionId('eu')
export const AP = regionId('ap')
export const CITIES = keyspaceName('cities')
export const call: Call = { signal: AbortSignal.timeout(30_000), peer: 'test' }

/** As an operator would see a region whose agents are well. */
export function sightOf(region: RegionId, change: Partial<RegionSight> = {}): RegionSight {
  return {
    region,
    record: { term: 1n, counter: 40n, status: 'live' },
    verdict: 'renewing',
    stillMs: 700,
    objection: undefined,
    ...change,
  }
}

export function transferEntry(change: Partial<TransferEntry> = {}): TransferEntry {
  return {
    kind: 'transfer',
    operation: operationId('move-1'),
    opSeq: 1,
    keyspace: CITIES,
    rangeId: rangeId(1),
    source: US,
    target: EU,
    generation: 1n as TransferEntry['generation'],
    phase: 'prepare',
    reason: 'upgrade',
    startedWallMs: 1000,
    updatedWallMs: 1000,
    note: '',
    ...change,
  }
}

export function takeoverEntry(region: RegionId, term: bigint, change: Partial<TakeoverEntry> = {}): TakeoverEntry {
  return {
    kind: 'takeover',
    operation: takeoverOperation(region, term),
    region,
    term,
    authority: 'us.test:1',
    elect: 7n as Revision,
    counter: 40n,
    waitedMs: 9432,
    forced: false,
    observedWallMs: 1000,
    updatedWallMs: 12_000,
    ranges: 3,
    left: 0,
    phase: 'done',
    note: 'all to eu',
    ...change,
  }
}

export async function openOperationRig() {
  const cluster = new MemoryCluster({ members: ['us', 'eu', 'ap'] })
  const store = new MemoryStore(cluster)
  const { signal } = call
  await bootstrapGlobal(store, signal)
  for (const region of [US, EU, AP]) {
    await registerRegion(store, { region, displayName: region.toUpperCase(), servers: [`${region}.test:1`] }, signal)
  }
  const clock = systemClock
  const options = { clock, log: silentLogger, random: () => 0.5 }
  const mirror = await Mirror.open(store, { ...options, prefixes: GLOBAL_MIRROR_PREFIXES }, signal)
  const globalView = new GlobalView(mirror)
  const hlc = new HybridClock({ origin: 'us', physical: new ManualWall(1_800_000_000_000) })
  const ownership = new OwnershipService({ ...options, store, view: globalView, hlc })

  const put = async (key: string, value: Uint8Array | string): Promise<void> => {
    const { revision } = await store.txn(
      { guards: [], operations: [{ kind: 'put', key, value: Buffer.from(value) }] },
      signal,
    )
    await mirror.waitFor(revision, signal)
  }
  const remember = (entry: JournalEntry): Promise<void> => put(journalKey(entry.operation), encodeJournal(entry))

  const sights = new Map([US, EU, AP].map((region) => [region, sightOf(region)]))
  const copied = new Map<number, ReadonlySet<RegionId>>()
  const loads = new Map<RangeDescriptor['rangeId'], RangeLoad>()
  const wallMs = (): number => 1_800_000_000_000
  const standbyFacts = (range: number, region: RegionId) => ({ hasPage: copied.get(range)?.has(region) ?? true })
  const transfers = new Transfers({ store, view: globalView, ownership, wallMs })
  const silent = new Set<string>()
  const verbs = new RegionVerbs({
    store,
    view: globalView,
    hlc,
    address: 'us.test:1',
    standbyFacts,
    objection: (region) => (globalView.drained.has(region) ? 'is drained' : undefined),
    clock,
    wallMs,
    // One shard per range, with one replica in each region.
    ports: {
      page: (range, region) => ({
        role: region === US ? 'owner' : 'standby',
        generation: globalView.range(range)?.generation ?? generation(1n),
        frozenFor: undefined,
        shards: [
          {
            shardId: shardId(range, 0),
            leader: undefined,
            replicas: [{ nodeId: nodeId(`${region}-n1`), address: `${region}-n1.test:1` }],
          },
        ],
      }),
      askPositions: (node, shards) =>
        silent.has(node.nodeId)
          ? Promise.reject(new MeridianError('UNAVAILABLE', 'nobody there'))
          : Promise.resolve(
              shards.map((shard) => ({
                shardId: shard,
                lastIndex: 7n,
                lastToken: ZERO_TOKEN,
                commitIndex: 7n,
                installing: false,
              })),
            ),
    },
  })
  for (const region of [US, EU, AP]) {
    await put(regionLeaseKey(region), encodeRegionLease({ term: 1n, counter: 40n, status: 'live' }))
  }
  const moved: ReplicaMove[] = []
  const duties: [NodeId, NodeDuty, boolean][] = []
  const holdings = { led: 2, held: 12 }
  const nodes = new Map([[nodeId('n1'), { node: { duty: 'serving' as NodeDuty } }]])
  /** By the controller, which the view has not heard of yet. */
  const struckOff = new Set<NodeId>()
  const nodeOperations: NodeOperations = {
    setDuty: (node, duty, forced) => {
      const known = nodes.get(node)
      if (duty !== 'decommissioned' && (known?.node.duty === 'decommissioned' || struckOff.has(node)))
        return Promise.reject(new MeridianError('NODE_DECOMMISSIONED', `${node} was decommissioned`))
      duties.push([node, duty, forced])
      if (known !== undefined) known.node.duty = duty
      return Promise.resolve(holdings)
    },
    health: () => undefined,
    move: (operation, { shard, from, to }) => {
      const move = {
        operation,
        shardId: shard,
        from,
        to: to ?? nodeId('n4'),
        phase: 'joining',
        note: '',
        startedWallMs: 1000n,
      }
      moved.push(move)
      return Promise.resolve(move)
    },
    moves: () => Promise.resolve(moved),
    abortMove: (operation: OperationId) =>
      Promise.reject(new MeridianError('OPERATION_UNKNOWN', `no move ${operation}`)),
  }

  const parts = {
    region: US,
    globalView,
    ownership,
    transfers,
    verbs,
    authority: { regions: () => [...sights.values()] },
    nodeOperations,
    regionLeaseMs: 9000,
    copies: {
      ownerPage: () => ({ shards: [{ shardId: shardId(rangeId(1), 0) }] }),
      standbyFacts,
      load: (range: RangeDescriptor['rangeId']) => loads.get(range),
      commitFloorMs: () => 70.5,
      mapAgeMs: (region: RegionId) => (region === AP ? undefined : 800),
    },
    regionView: {
      pages: new Map(),
      nodes,
      nodeRecords: () => [],
    },
    regionalAgeMs: () => 300,
    agent: {
      remainingMs: () => 7500,
      globalAgeMs: () => 400,
      confirm: (asked: readonly RangeDescriptor[]) => ({
        remainingMs: 7500,
        confirmed: asked.map((range) => ({ ...range, remainingMs: 7500 })),
      }),
    },
    control: { controller: () => 'us.test:1' },
    tax: { wallUs: () => BigInt(wallMs()) * 1000n },
  }
  // The handlers of operations read these parts only.
  const asParts = (): OperationParts => parts as unknown as OperationParts
  return {
    parts: asParts,
    store,
    ownership,
    globalView,
    silent,
    moved,
    duties,
    struckOff,
    holdings,
    sights,
    loads,
    copied,
    remember,
    /** Ranges of `cities`: one before every key and one from each on, all open and all of `us`. */
    cities: async (...at: string[]): Promise<void> => {
      let id = 0
      const next = (): OperationId => operationId(`setup-${(id += 1)}`)
      const { signal: abort } = call
      await ownership.mutate(
        next(),
        { kind: 'create-keyspace', keyspace: CITIES, owner: US, standbys: [EU, AP] },
        abort,
      )
      if (at.length > 0) {
        await ownership.mutate(next(), { kind: 'split', keyspace: CITIES, at: at.map(keyOfText) }, abort)
      }
      const starts = ['', ...at].map(keyOfText)
      await ownership.mutate(next(), { kind: 'activate', keyspace: CITIES, starts }, abort)
      await ownership.catchUp(abort)
    },
    [Symbol.asyncDispose]: async () => {
      await mirror[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
}
