import type { Snapshot, SnapshotSource } from '@meridian/feed'
import { withTimeLimit } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { fromWirePosition, MapServiceDefinition } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { isMeridianError, MeridianError, START_POSITION } from '@meridian/topology'
import type { Position, StreamId } from '@meridian/topology'

/** A fetch that takes longer is given up, ms. */
const FETCH_MS_MAX = 15_000

/** Snapshots from region servers, the first that answers in the order given. */
export class RpcSnapshotSource implements SnapshotSource {
  readonly #pool: ChannelPool
  readonly #servers: () => readonly string[]
  readonly #clock: Clock

  constructor(pool: ChannelPool, servers: () => readonly string[], clock: Clock) {
    this.#pool = pool
    this.#servers = servers
    this.#clock = clock
  }

  async fetch(stream: StreamId, signal: AbortSignal): Promise<Snapshot> {
    return withTimeLimit(this.#clock, FETCH_MS_MAX, (bounded) => this.#fetchFromAny(stream, bounded, signal), signal)
  }

  async #fetchFromAny(stream: StreamId, bounded: AbortSignal, signal: AbortSignal): Promise<Snapshot> {
    const failures: string[] = []
    for (const server of this.#servers()) {
      try {
        return await this.#fetchFrom(server, stream, bounded)
      } catch (error) {
        if (signal.aborted || !isMeridianError(error)) throw error
        failures.push(error.message)
      }
    }
    throw new MeridianError(
      'UNAVAILABLE',
      `no region server gave a snapshot of ${stream}: ${failures.join('; ') || 'none known'}`,
    )
  }

  async #fetchFrom(server: string, stream: StreamId, signal: AbortSignal): Promise<Snapshot> {
    const records = new Map<string, Uint8Array>()
    let position: Position = START_POSITION
    let digest = ''
    for await (const chunk of clientOf(MapServiceDefinition, this.#pool.channel(server)).getSnapshot(
      { stream },
      { signal },
    )) {
      if (chunk.position !== undefined) position = fromWirePosition(chunk.position)
      if (chunk.digest !== '') digest = chunk.digest
      for (const { key, value } of chunk.records) if (value !== undefined) records.set(key, value)
    }
    if (digest === '') throw new MeridianError('UNAVAILABLE', `${server}: the snapshot of ${stream} was cut short`)
    return { stream, position, records, digest }
  }
}
