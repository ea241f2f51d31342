import { MeridianClient } from '@meridian/client'
import type { ClientEvent, ReadOptions, Row, Write, WriteOptions, WriteOutcome } from '@meridian/client'
import type { FeedBus } from '@meridian/feed'
import { openNatsBus } from '@meridian/feed/nats'
import type { WorldRegion } from '@meridian/lab'
import { silentLogger } from '@meridian/loop'
import type { Dialling } from '@meridian/rpc'
import { formatKey, formatToken } from '@meridian/topology'
import type { Key, KeyRange, KeyspaceName } from '@meridian/topology'
import type { Recorder } from '../history/recorder.ts'
import { valueMark } from '../history/value-mark.ts'

interface Sent {
  readonly value: string
  readonly t0: number
  /** When the client settled it, with what it then knew. */
  settled: { at: number; event: Extract<ClientEvent, { kind: 'write' }> } | undefined
}

/** How names are reached by processes of `region`: its own directly, all others over the emulated WAN. */
export const diallingOf = (region: WorldRegion): Dialling => ({ hosts: region.hosts, proxy: region.proxy })

/** What a bus is replaced by, or servers are reached through, to take a client's sources of knowledge away. */
export interface Detours {
  readonly bus?: (bus: FeedBus) => FeedBus
  readonly servers?: readonly string[]
}

/**
 * A client in one region whose every write, request and refusal is recorded. Two writes of one key must not be under
 * way at once: what the client reports of a write names its key only.
 */
export class RecordedClient implements AsyncDisposable {
  readonly region: WorldRegion
  readonly name: string
  readonly client: MeridianClient
  readonly #recorder: Recorder
  readonly #bus: FeedBus
  readonly #sent = new Map<Key, Sent>()

  private constructor(region: WorldRegion, name: string, recorder: Recorder, bus: FeedBus, detours: Detours) {
    this.region = region
    this.name = name
    this.#recorder = recorder
    this.#bus = bus
    this.client = new MeridianClient({
      servers: detours.servers ?? region.servers,
      bus: detours.bus?.(bus) ?? bus,
      dialling: diallingOf(region),
      name,
      observe: (event) => this.#observe(event),
    })
  }

  /** Resolves when the client has the whole map. */
  static async open(
    region: WorldRegion,
    name: string,
    recorder: Recorder,
    signal: AbortSignal,
    detours: Detours = {},
  ): Promise<RecordedClient> {
    const bus = await openNatsBus({ servers: region.nats, name, log: silentLogger })
    const client = new RecordedClient(region, name, recorder, bus, detours)
    try {
      await client.client.synced(signal)
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
    return client
  }

  async write(keyspace: KeyspaceName, writes: readonly Write[], options?: WriteOptions): Promise<WriteOutcome[]> {
    const t0 = this.#recorder.now()
    for (const { key, value } of writes) {
      if (value === undefined) throw new Error('assertion: the demo deletes nothing')
      if (this.#sent.has(key)) throw new Error(`assertion: ${formatKey(key)} is being written already`)
      this.#sent.set(key, { value: valueMark(value), t0, settled: undefined })
    }
    const outcomes = await this.client.write(keyspace, writes, options)
    for (const outcome of outcomes) this.#recordWrite(keyspace, outcome)
    return outcomes
  }

  get(keyspace: KeyspaceName, key: Key, options?: ReadOptions): Promise<Row | undefined> {
    return this.client.get(keyspace, key, options)
  }

  scan(keyspace: KeyspaceName, interval: KeyRange, options?: ReadOptions): AsyncIterable<Row> {
    return this.client.scan(keyspace, interval, options)
  }

  count(keyspace: KeyspaceName, interval: KeyRange, options?: ReadOptions): Promise<bigint> {
    return this.client.count(keyspace, interval, options)
  }

  /** Reads one of the keys from each node that leads any of them, so that connections are made before time counts. */
  async connectTo(keyspace: KeyspaceName, keys: readonly Key[], signal: AbortSignal): Promise<void> {
    const byNode = new Map<string, Key>()
    for (const key of keys) {
      const result = this.client.router.route(keyspace, key)
      if (result.ok && !byNode.has(result.route.leader)) byNode.set(result.route.leader, key)
    }
    await Promise.all([...byNode.values()].map((key) => this.client.get(keyspace, key, { signal })))
  }

  /** Snapshots begun since the first ones, over all streams: how often the feed alone was not enough. */
  get resyncs(): number {
    const { router } = this.client
    return router.reports().reduce((sum, { stream }) => sum + (router.follower(stream)?.counters.resyncs ?? 0), 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.#bus[Symbol.asyncDispose]()
  }

  #observe(event: ClientEvent): void {
    if (event.kind === 'write') {
      const sent = this.#sent.get(event.key)
      if (sent !== undefined) sent.settled = { at: this.#recorder.now(), event }
      return
    }
    const { operation, shard, node } = event
    const where = { client: this.name, operation, shard, node, token: formatToken(event.token) }
    if (event.kind === 'attempt') this.#recorder.record({ kind: 'attempt', ...where })
    else this.#recorder.record({ kind: 'refused', ...where, code: event.code, adopted: event.adopted })
  }

  #recordWrite(keyspace: KeyspaceName, outcome: WriteOutcome): void {
    const { key, status } = outcome
    const sent = this.#sent.get(key)
    if (sent === undefined) throw new Error(`assertion: ${formatKey(key)} was not being written`)
    this.#sent.delete(key)
    const settled = sent.settled?.event
    const ok = outcome.status === 'ok'
    this.#recorder.record(
      {
        kind: 'write',
        client: this.name,
        t0: sent.t0,
        keyspace,
        key: formatKey(key),
        value: sent.value,
        status,
        session: settled?.identity.session ?? '',
        sequence: settled?.identity.sequence.toString() ?? '',
        // Shards of the demo are never split, so the one the write was first routed to is the one that answered.
        shard: ok ? shardOf(settled?.identity.session ?? '') : '',
        index: ok ? outcome.index.toString() : '',
        token: ok && settled?.token !== undefined ? formatToken(settled.token) : '',
        duplicate: ok && outcome.duplicate,
        code: ok ? '' : outcome.code,
      },
      sent.settled?.at,
    )
  }
}

/** A session is named `<client>:<shard>`. */
const shardOf = (session: string): string => session.slice(session.indexOf(':') + 1)
