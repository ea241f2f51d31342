import { globalLeader, moveGlobalLeader } from '@meridian/lab'
import type { GlobalTier, World, WorldRegion } from '@meridian/lab'
import { silentLogger } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { openEtcdStore } from '@meridian/store/etcd'
import { BareWork, GuardedWork } from './etcd-work.ts'
import type { GroupedSlot, SlotGroup } from './measure-slots.ts'
import { REGIONAL_READ } from './operations.ts'
import type { Slot } from './open-loop.ts'
import type { OpenOwnershipClient, OwnershipClient } from './ownership-client.ts'
import type { LeaderView } from './rejection.ts'

/** Longest wait for one etcd call, ms; a leader that was just moved may drop proposals. */
const CALL_MS_MAX = 10_000
/** Packed shards of a page of middle size. */
const PAGE_BYTES = 8 * 1024
/** The counter and term of a region's lease. */
const LEASE_BYTES = 32

export interface RigOptions {
  readonly world: World
  /** Raw etcd of the same size on loopback. */
  readonly direct: GlobalTier
  /** The same, its members a 0 ms link apart. */
  readonly proxied: GlobalTier
  readonly openClient: OpenOwnershipClient
  readonly clock: Clock
}

interface Client {
  readonly region: WorldRegion
  readonly ownership: OwnershipClient
  readonly slots: readonly GroupedSlot[]
}

/** Everything the samples are taken with: connections to four worlds from every region's point of view. */
export class BenchRig implements AsyncDisposable {
  readonly #options: RigOptions
  readonly #open = new AsyncDisposableStack()
  readonly #clients: readonly Client[]
  readonly #globalStores: ReadonlyMap<string, Store>

  private constructor(
    options: RigOptions,
    open: AsyncDisposableStack,
    clients: readonly Client[],
    stores: ReadonlyMap<string, Store>,
  ) {
    this.#options = options
    this.#open.use(open)
    this.#clients = clients
    this.#globalStores = stores
  }

  static async open(options: RigOptions, signal: AbortSignal): Promise<BenchRig> {
    const { world, direct, proxied, openClient, clock } = options
    await using open = new AsyncDisposableStack()
    const store = async (urls: readonly string[]): Promise<Store> =>
      open.use(await openEtcdStore({ endpoints: urls, clock, log: silentLogger, requestTimeoutMs: CALL_MS_MAX }))
    const clients: Client[] = []
    const stores = new Map<string, Store>()
    for (const region of world.regions) {
      const { id } = region
      const global = await store([memberUrl(world, id)])
      stores.set(id, global)
      const ownership = open.use(openClient(region, world.regions))
      const slots = slotsOf({
        id,
        global,
        direct: await store([memberUrl(direct, id)]),
        proxied: await store([memberUrl(proxied, id)]),
        regional: await store(region.regionEtcd.map(({ clientUrl }) => clientUrl)),
        ownership,
      })
      clients.push({ region, ownership, slots })
    }
    await clients[0]?.ownership.prepare(signal)
    return new BenchRig(options, open.move(), clients, stores)
  }

  /** What a client of `region` sends; `names` picks some of them. */
  slotsIn(region: string, names?: readonly string[]): readonly GroupedSlot[] {
    const client = this.#clients.find((each) => each.region.id === region)
    if (client === undefined) throw new Error(`assertion: no client in ${region}`)
    return names === undefined ? client.slots : client.slots.filter(({ name }) => names.includes(name))
  }

  /** In all three clusters, so that a client beside its leader is compared with a client beside its leader. */
  async moveLeaders(region: string, signal: AbortSignal): Promise<void> {
    const { world, direct, proxied } = this.#options
    await this.#clients[0]?.ownership.pinLeader(region, signal)
    await Promise.all([world, direct, proxied].map((tier) => moveGlobalLeader(tier, region, { signal })))
  }

  /** Of the world's global tier. */
  async leader(signal: AbortSignal): Promise<LeaderView> {
    const region = await globalLeader(this.#options.world)
    const store = this.#globalStores.get(region)
    if (store === undefined) throw new Error(`assertion: no store at ${region}`)
    return { region, term: (await store.status(signal)).raftTerm }
  }

  async etcdVersion(signal: AbortSignal): Promise<string> {
    const [store] = this.#globalStores.values()
    return store === undefined ? 'unknown' : (await store.status(signal)).version
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync()
  }
}

interface SlotSources {
  readonly id: string
  readonly global: Store
  readonly direct: Store
  readonly proxied: Store
  readonly regional: Store
  readonly ownership: OwnershipClient
}

/** In the order of a round: direct, proxied, raw, ours; then what has the same bare runs beside it. */
function slotsOf({ id, global, direct, proxied, regional, ownership }: SlotSources): readonly GroupedSlot[] {
  const bare = {
    direct: new BareWork(direct, id),
    proxied: new BareWork(proxied, id),
    raw: new BareWork(global, id),
  }
  const regionalBare = new BareWork(regional, id)
  const renewal = new GuardedWork(global, { name: `renewal-${id}`, valueBytes: LEASE_BYTES, led: false })
  const flat = new GuardedWork(global, { name: `change-${id}`, valueBytes: PAGE_BYTES, led: true })
  const change = new GuardedWork(regional, { name: `change-${id}`, valueBytes: PAGE_BYTES, led: true })
  const slot = (group: SlotGroup, name: string, send: Slot['send']): GroupedSlot => ({ group, name, send })
  const bareOf = (
    group: SlotGroup,
    name: string,
    of: (work: BareWork, signal: AbortSignal) => Promise<void>,
  ): readonly GroupedSlot[] =>
    Object.entries(bare).map(([where, work]) => slot(group, `${name} ${where}`, (signal) => of(work, signal)))
  return [
    ...bareOf('commits', 'put', (work, signal) => work.put(signal)),
    slot('commits', 'assign', (signal) => ownership.assign(signal)),
    slot('commits', 'renewal', (signal) => renewal.write(signal)),
    slot('commits', 'flat change', (signal) => flat.write(signal)),
    ...bareOf('reads', 'read', (work, signal) => work.read(signal)),
    slot('reads', 'lookup', (signal) => ownership.lookup(false, signal)),
    ...bareOf('near', 'local read', (work, signal) => work.readLocal(signal)),
    slot('near', 'local lookup', (signal) => ownership.lookup(true, signal)),
    slot('near', 'regional put', (signal) => regionalBare.put(signal)),
    slot('near', REGIONAL_READ, (signal) => regionalBare.read(signal)),
    slot('near', 'regional change', (signal) => change.write(signal)),
  ]
}

function memberUrl(tier: GlobalTier, region: string): string {
  const url = tier.regions.find(({ id }) => id === region)?.globalEtcd?.clientUrl
  if (url === undefined) throw new Error(`assertion: no voter in ${region}`)
  return url
}
