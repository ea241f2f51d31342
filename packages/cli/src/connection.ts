import type { FeedBus } from '@meridian/feed'
import { openNatsBus } from '@meridian/feed/nats'
import { randomBytes } from 'node:crypto'
import { MeridianClient } from '@meridian/client'
import type { ClientObserver } from '@meridian/client'
import { GLOBAL_STREAM, MeridianError } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { ConnectionLog } from './connection-log.ts'
import { formatMs } from './duration.ts'
import { findPlaces, placeFor } from './place.ts'
import type { Place } from './place.ts'
import type { CommandContext } from './program.ts'
import { silentBus } from './silent-bus.ts'

/** How long a command that can do without is kept waiting for the map of other regions, ms. */
const PATIENCE_MS = 2000
/** How long a bus may take to connect before the map is listed without it, ms. */
const BUS_CONNECT_MS = 1000

export interface ConnectOptions {
  /**
   * - `nothing`: calls to the own region's servers only.
   * - `regions`: calls that may be sent on to another region. Waits for it a moment, and does without.
   * - `map`: keys are routed, so the global map must be there; that of a region out of reach may be missing.
   */
  readonly need: 'nothing' | 'regions' | 'map'
  /** Follow the map as it changes instead of listing it once. */
  readonly follow?: boolean
  /** Unless somebody wishes a region, work from another one than this: it may be lost. */
  readonly awayFrom?: RegionId
  readonly observe?: ClientObserver
}

/** A client at a place, and all that is closed with it. */
export class Connection implements AsyncDisposable {
  readonly place: Place
  readonly client: MeridianClient
  readonly log: ConnectionLog
  readonly #bus: FeedBus

  constructor(place: Place, client: MeridianClient, bus: FeedBus, log: ConnectionLog) {
    this.place = place
    this.client = client
    this.log = log
    this.#bus = bus
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.#bus[Symbol.asyncDispose]()
  }
}

/** A client where the options of the command say. */
export async function connect(context: CommandContext, options: ConnectOptions): Promise<Connection> {
  return connectAt(context, placeFor(await findPlaces(context.options), context.options, options.awayFrom), options)
}

/** @throws MeridianError UNAVAILABLE when a map that is needed did not come in time */
export async function connectAt(context: CommandContext, place: Place, options: ConnectOptions): Promise<Connection> {
  const log = new ConnectionLog(context.options.debug ? (line) => context.terminal.note(line) : undefined)
  const name = `cli-${randomBytes(4).toString('hex')}`
  const bus =
    options.follow === true && place.nats.length > 0
      ? await openNatsBus({ servers: place.nats, name, log, connectWaitMs: BUS_CONNECT_MS })
      : silentBus
  const { observe } = options
  const client = new MeridianClient({
    servers: place.servers,
    ...(place.region === undefined ? {} : { region: place.region }),
    bus,
    dialling: place.dialling,
    name,
    clock: context.clock,
    log,
    ...(observe === undefined ? {} : { observe }),
  })
  const connection = new Connection(place, client, bus, log)
  try {
    await arrival(context, connection, options.need)
    return connection
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
}

async function arrival(context: CommandContext, connection: Connection, need: ConnectOptions['need']): Promise<void> {
  const { timeoutMs } = context.options
  const { client, place, log } = connection
  if (need === 'nothing') return
  const global = client.router.follower(GLOBAL_STREAM)?.synced ?? Promise.resolve()
  if (!(await arrived(global, need === 'map' ? timeoutMs : Math.min(timeoutMs, PATIENCE_MS), context.signal))) {
    if (need === 'regions') return
    throw new MeridianError(
      'UNAVAILABLE',
      `no map came from ${place.servers.join(', ')} within ${formatMs(timeoutMs)}: ${log.lastFailure ?? 'no answer'}`,
    )
  }
  if (need === 'regions') return
  const regions = client.synced(context.signal)
  if (!(await arrived(regions, Math.min(timeoutMs, PATIENCE_MS), context.signal))) {
    context.terminal.note(`going on without the map of a region: ${log.lastFailure ?? 'no answer'}`)
  }
}

/** False when `promise` did not resolve in time; rejects with the signal's reason. */
async function arrived(promise: Promise<void>, withinMs: number, signal: AbortSignal): Promise<boolean> {
  const enough = AbortSignal.any([signal, AbortSignal.timeout(withinMs)])
  const { promise: ended, resolve } = Promise.withResolvers<false>()
  const end = (): void => resolve(false)
  enough.addEventListener('abort', end, { once: true })
  if (enough.aborted) end()
  try {
    const came = await Promise.race([
      promise.then(
        () => true,
        () => false,
      ),
      ended,
    ])
    signal.throwIfAborted()
    return came
  } finally {
    enough.removeEventListener('abort', end)
  }
}
