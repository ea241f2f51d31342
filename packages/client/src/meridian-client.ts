import { randomBytes } from 'node:crypto'
import type { FeedBus } from '@meridian/feed'
import { LoopScope, silentLogger, systemClock } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import { ChannelPool } from '@meridian/rpc'
import type { Dialling } from '@meridian/rpc'
import { Router } from '@meridian/router'
import type { Key, KeyRange, KeyspaceName, RegionId } from '@meridian/topology'
import type { ClientObserver } from './client-event.ts'
import { Control } from './control.ts'
import { NodeReports } from './node-reports.ts'
import { Operations } from './operations.ts'
import { Reader } from './reader.ts'
import type { ReadOptions, Row } from './reader.ts'
import { ShardCalls } from './shard-calls.ts'
import { Reroutes } from './reroutes.ts'
import { RegionCalls } from './region-calls.ts'
import { RpcSnapshotSource } from './snapshot-source.ts'
import { Writer } from './writer.ts'
import type { Write, WriteOptions, WriteOutcome } from './writer.ts'

const REPORT_EVERY_MS = 1000

export interface ClientOptions {
  /** `host:port` of region servers of the client's own region, tried in order. */
  readonly servers: readonly string[]
  /** The client's own region. Default: the one of the map that names one of `servers`. */
  readonly region?: RegionId
  /** The bus of the client's own region; the client does not dispose it. */
  readonly bus: FeedBus
  /** How names of the map are reached from here. */
  readonly dialling?: Dialling
  /** Unlike that of every other client there ever was: it is what writes are recognised by. Default: random. */
  readonly id?: string
  /** Name under which positions are reported. Default: after the id. */
  readonly name?: string
  readonly clock?: Clock
  readonly log?: Logger
  readonly random?: () => number
  readonly observe?: ClientObserver
}

/**
 * A client of Meridian in one region: routes in memory, writes and reads at the leader wherever it is, learns from
 * refusals, and tells its region how far it has followed the map.
 */
export class MeridianClient implements AsyncDisposable {
  readonly router: Router
  readonly control: Control
  readonly operations: Operations
  readonly nodes: NodeReports
  /** Unique over all clients that ever were. */
  readonly id: string
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #reroutes: Reroutes
  readonly #pool: ChannelPool
  readonly #scope: LoopScope

  constructor(options: ClientOptions) {
    const clock = options.clock ?? systemClock
    const log = options.log ?? silentLogger
    const random = options.random ?? Math.random
    this.id = options.id ?? randomBytes(12).toString('hex')
    const observe = options.observe ?? (() => {})
    this.#pool = new ChannelPool(options.dialling)
    const source = new RpcSnapshotSource(this.#pool, () => options.servers, clock)
    this.router = new Router({ bus: options.bus, source, clock, log, random })
    const regionCalls = new RegionCalls(
      this.#pool,
      () => options.servers,
      (region: RegionId) => this.router.map.global.regions.get(region)?.servers ?? [],
    )
    this.control = new Control(regionCalls)
    this.operations = new Operations(regionCalls)
    this.nodes = new NodeReports(this.#pool)
    const calls = new ShardCalls(this.#pool, this.router, observe)
    this.#reroutes = new Reroutes(this.router, clock)
    this.#writer = new Writer(this.router, calls, this.#reroutes, this.id, clock, random, observe)
    const home = (): RegionId | undefined => {
      if (options.region !== undefined) return options.region
      const { regions } = this.router.map.global
      return [...regions.values()].find(({ servers }) => servers.some((known) => options.servers.includes(known)))
        ?.region
    }
    this.#reader = new Reader(this.router, calls, this.#reroutes, clock, random, home)
    this.#scope = new LoopScope(log)
    const name = options.name ?? `client-${this.id.slice(0, 8)}`
    this.#scope.start('report positions', async (signal) => {
      while (!signal.aborted) {
        // A lost report is made good by the next one; nothing rests on it.
        await this.control
          .reportPositions(name, this.id, this.router.reports(), { timeoutMs: 2000, signal })
          .catch(() => {})
        await clock.sleep(REPORT_EVERY_MS, signal).catch(() => {})
      }
    })
  }

  /** Resolves once the whole map has been listed. */
  synced(signal: AbortSignal): Promise<void> {
    return this.router.synced(signal)
  }

  /** Each key applied at most once and answered for on its own, in order; never throws for a write that failed. */
  write(keyspace: KeyspaceName, writes: readonly Write[], options?: WriteOptions): Promise<WriteOutcome[]> {
    return this.#writer.write(keyspace, writes, options)
  }

  get(keyspace: KeyspaceName, key: Key, options?: ReadOptions): Promise<Row | undefined> {
    return this.#reader.get(keyspace, key, options)
  }

  scan(keyspace: KeyspaceName, interval: KeyRange, options?: ReadOptions): AsyncIterable<Row> {
    return this.#reader.scan(keyspace, interval, options)
  }

  count(keyspace: KeyspaceName, interval: KeyRange, options?: ReadOptions): Promise<bigint> {
    return this.#reader.count(keyspace, interval, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
    this.#reroutes[Symbol.dispose]()
    await this.router[Symbol.asyncDispose]()
    await this.#pool[Symbol.asyncDispose]()
  }
}
