import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MeridianClient } from '@meridian/client'
import { openNatsBus } from '@meridian/feed/nats'
import { startWorld } from '@meridian/lab'
import type { World, WorldBinaries, WorldProgress, WorldRegion } from '@meridian/lab'
import { silentLogger } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import {
  EMPTY_KEY,
  isMeridianError,
  keyOfText,
  keyspaceName,
  MeridianError,
  operationId,
  regionId,
} from '@meridian/topology'
import type { Key, OperationId, RegionId } from '@meridian/topology'
import { parse, stringify } from 'yaml'

/** What every benchmark of an outage is given. */
export interface OutageOptions {
  /** `regions/topology.yaml`, whose regions, voters and nodes are used. */
  readonly topologyFile: string
  readonly matrixFile: string
  readonly dataDir: string
  readonly basePort: number
  readonly binaries: WorldBinaries
  readonly isReady: (region: WorldRegion) => Promise<boolean>
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Makes operation ids of this run unlike those of every other. */
  readonly run: string
  readonly progress: (text: string) => void
  readonly onWorld?: (event: WorldProgress) => void
}

export const KEYSPACE = keyspaceName('bench')
const REGIONS = 3
const PER_OPERATION_MAX = 40
const OPENINGS_CONCURRENT = 6
const RETRY_MS = 200
const TRIES_MAX = 50

/** A world of three regions with one client in each, and what is asked of it before anything is measured. */
export class OutageWorld implements AsyncDisposable {
  readonly world: World
  readonly clients: ReadonlyMap<string, MeridianClient>
  readonly #options: OutageOptions
  readonly #open: AsyncDisposableStack
  #operations = 0

  private constructor(
    options: OutageOptions,
    world: World,
    clients: ReadonlyMap<string, MeridianClient>,
    open: AsyncDisposableStack,
  ) {
    this.#options = options
    this.world = world
    this.clients = clients
    this.#open = open
  }

  /** @param timing durations that replace those of the topology file, as it spells them */
  static async open(options: OutageOptions, timing: Readonly<Record<string, string>> = {}): Promise<OutageWorld> {
    await using open = new AsyncDisposableStack()
    await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
    const topologyFile = join(options.dataDir, 'topology.yaml')
    await mkdir(join(options.dataDir, 'wan'), { recursive: true, mode: 0o700 })
    await copyFile(options.matrixFile, join(options.dataDir, 'wan', basename(options.matrixFile)))
    const topology = parse(await readFile(options.topologyFile, 'utf8')) as Record<string, unknown>
    await writeFile(
      topologyFile,
      stringify({
        ...topology,
        timing: { ...(topology['timing'] as object), ...timing },
      }),
    )
    const world = open.use(
      await startWorld({
        topologyFile,
        matrixFile: options.matrixFile,
        dataDir: join(options.dataDir, 'world'),
        fresh: true,
        regions: REGIONS,
        etcdMembers: 1,
        basePort: options.basePort,
        binaries: options.binaries,
        isReady: options.isReady,
        signal: options.signal,
        ...(options.onWorld === undefined ? {} : { progress: options.onWorld }),
      }),
    )
    const clients = new Map<string, MeridianClient>()
    for (const region of world.regions) {
      const name = `bench-${region.id}`
      const bus = open.use(await openNatsBus({ servers: region.nats, name, log: silentLogger }))
      const client = open.use(
        new MeridianClient({
          servers: region.servers,
          bus,
          dialling: { hosts: region.hosts, proxy: region.proxy },
          name,
        }),
      )
      await client.synced(options.signal)
      clients.set(region.id, client)
    }
    return new OutageWorld(options, world, clients, open.move())
  }

  client(region: string): MeridianClient {
    const client = this.clients.get(region)
    if (client === undefined) throw new MeridianError('REGION_UNKNOWN', `the world has no region ${region}`)
    return client
  }

  operation(what: string): OperationId {
    this.#operations += 1
    return operationId(`bench-${this.#options.run}-${this.#operations}-${what}`)
  }

  /**
   * `ranges` ranges of `owner`, each with `shards` shards and followed by `standby`, opened and routed to. The first starts
   * at the empty key.
   */
  async createRanges(owner: string, standby: string, ranges: number, shards: number): Promise<void> {
    const { signal, progress } = this.#options
    const { control } = this.client(owner)
    const standbys: RegionId[] = [regionId(standby)]
    await this.#once('create', (id) => control.createKeyspace(id, KEYSPACE, regionId(owner), standbys, { signal }))
    const starts = Array.from({ length: ranges }, (_, i) => rangeStart(i))
    for (const some of chunks(starts.slice(1))) {
      await this.#once('split', (id) => control.split(id, KEYSPACE, some, [], { signal }))
      progress(`${some.at(-1)}: ranges split`)
    }
    const waiting = chunks(starts)
    const open = async (): Promise<void> => {
      const some = waiting.shift()
      if (some === undefined) return
      const openings = some.map((start) => ({
        start,
        shardBounds: Array.from({ length: shards - 1 }, (_, i) => shardStart(start, i + 1)),
      }))
      await this.#once('open', (id) => control.open(id, KEYSPACE, openings, { signal }))
      progress(`${some.at(-1)}: ranges opened`)
      await open()
    }
    await Promise.all(Array.from({ length: OPENINGS_CONCURRENT }, open))
  }

  async #once<T>(what: string, call: (id: OperationId) => Promise<T>): Promise<T> {
    const id = this.operation(what)
    const { clock, signal } = this.#options
    for (let tries = 1; ; tries += 1) {
      try {
        return await call(id)
      } catch (error) {
        const again = isMeridianError(error, 'OUTCOME_UNKNOWN') || isMeridianError(error, 'UNAVAILABLE')
        if (!again || tries >= TRIES_MAX) throw error
      }
      await clock.sleep(RETRY_MS, signal)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]()
  }
}

export const rangeStart = (index: number): Key => (index === 0 ? EMPTY_KEY : keyOfText(rangeName(index)))
const rangeName = (index: number): string => `r${String(index).padStart(5, '0')}`

const shardStart = (start: string, shard: number): Key => keyOfText(`${start}/s${String(shard).padStart(3, '0')}`)

/** A key in shard `shard` of range `range`, as `createRanges` lays them out. */
export function keyIn(range: number, shard: number, name: string): Key {
  const start = range === 0 ? '' : rangeName(range)
  return keyOfText(shard === 0 ? `${start}/a/${name}` : `${shardStart(start, shard)}/${name}`)
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / PER_OPERATION_MAX) }, (_, i) =>
    items.slice(i * PER_OPERATION_MAX, (i + 1) * PER_OPERATION_MAX),
  )
}
