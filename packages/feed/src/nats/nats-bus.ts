import { backoffMs, LoopScope, systemClock } from '@meridian/loop'
import type { Logger } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import { connect } from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection, Subscription } from '@nats-io/transport-node'
import { checkMessageBytes } from '../bus.ts'
import type { FeedBus } from '../bus.ts'

export interface NatsBusOptions {
  /** `nats://host:port` each. Only these are ever dialled: what servers gossip about each other is ignored. */
  readonly servers: readonly string[]
  /** Shown on the server's monitoring pages. */
  readonly name: string
  readonly log: Logger
  /**
   * How often the connection is tried, ms; default 1000. One that leaves PINGS_OUT_MAX unanswered counts as gone, so a
   * black hole is noticed after about three of these. The client's own default of two minutes would hide it.
   */
  readonly pingIntervalMs?: number
  /** How long `openNatsBus` waits for a first connection before it hands out a bus that is not connected, ms; 2000. */
  readonly connectWaitMs?: number
}

const SERVER = /^(nats|tls):\/\/[^/\s]/
const PINGS_OUT_MAX = 2
const DIAL_TIMEOUT_MS = 2_000
const RECONNECT_BACKOFF = { delayMsMin: 100, delayMsMax: 2_000 } as const
/** 200 to 400 ms. */
const RECONNECT_ATTEMPT = 2
/** How long closing waits for the server to take what was published, ms. */
const CLOSE_FLUSH_MS_MAX = 500
/** Published and not yet known to have reached the server; what is published beyond it is dropped. */
const UNCONFIRMED_BYTES_MAX = 8 * 1024 * 1024

/**
 * The bus over NATS core messages. Servers that are down, now or from the start, make it `connected: false`, never an
 * error: it connects when they come, and again without end when they go. Meanwhile messages are dropped, not kept.
 * Throws MeridianError CONFIG_INVALID if a server's address makes no sense.
 */
export async function openNatsBus(options: NatsBusOptions): Promise<FeedBus> {
  if (options.servers.length === 0) throw new MeridianError('CONFIG_INVALID', 'a NATS bus needs at least one server')
  for (const server of options.servers) {
    if (!SERVER.test(server) || !URL.canParse(server)) {
      throw new MeridianError(
        'CONFIG_INVALID',
        `${JSON.stringify(server)} is no server of a NATS bus: nats://host:port`,
      )
    }
  }
  const bus = new NatsBus(options)
  await bus.firstConnection(options.connectWaitMs ?? 2_000)
  return bus
}

class NatsBus implements FeedBus {
  readonly #log: Logger
  readonly #scope: LoopScope
  readonly #connection = Promise.withResolvers<NatsConnection>()
  #connected = false
  #nats: NatsConnection | undefined
  #unconfirmedBytes = 0
  #confirming = false
  /** The client forgets its unanswered pings when it closes, so whoever waits for one is told here. */
  readonly #flushes = new Set<() => void>()
  #dropped = 0
  #closed: Promise<void> | undefined

  constructor(options: NatsBusOptions) {
    this.#log = options.log.child({ bus: options.name })
    this.#scope = new LoopScope(this.#log)
    this.#connection.promise.catch(() => {})
    this.#scope.start('connection', (signal) => this.#connect(options, signal))
  }

  get connected(): boolean {
    return this.#connected
  }

  async firstConnection(waitMs: number): Promise<void> {
    const enough = new AbortController()
    // Neither a wait that is over nor a bus that was closed is an error of the wait.
    const waited = systemClock.sleep(waitMs, enough.signal).catch(() => {})
    await Promise.race([
      this.#connection.promise.then(
        () => {},
        () => {},
      ),
      waited,
    ])
    enough.abort()
  }

  publish(subject: string, payload: Uint8Array): void {
    checkMessageBytes(subject, payload)
    const nats = this.#nats
    if (nats === undefined || !this.#connected || this.#unconfirmedBytes + payload.length > UNCONFIRMED_BYTES_MAX) {
      this.#dropped += 1
      return
    }
    try {
      nats.publish(subject, payload)
    } catch (error) {
      // The server may allow less than we do, or be closing. The follower's rule makes up for either.
      this.#dropped += 1
      this.#log.warn({ err: error, subject, bytes: payload.length }, 'bus message refused')
      return
    }
    this.#unconfirmedBytes += payload.length
    if (!this.#confirming) this.#scope.start('confirmation', () => this.#confirm(nats))
  }

  async subscribe(subject: string, handler: (payload: Uint8Array) => void): Promise<AsyncDisposable> {
    const nats = await this.#connection.promise
    const subscription = nats.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) this.#log.warn({ err: error, subject }, 'bus subscription failed')
        else this.#hand(subject, message.data, handler)
      },
    })
    // The client renews subscriptions by itself whenever it reconnects; a flush answered after that proves this one.
    while (!(await this.#flushed(nats))) {
      if (nats.isClosed()) throw new MeridianError('UNAVAILABLE', 'the bus is closed')
      await systemClock.sleep(RECONNECT_BACKOFF.delayMsMin)
    }
    return { [Symbol.asyncDispose]: () => unsubscribed(subscription) }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#connected = false
    this.#connection.reject(new MeridianError('UNAVAILABLE', 'the bus is closed'))
    if (this.#nats !== undefined) await this.#closeConnection(this.#nats)
    await this.#scope[Symbol.asyncDispose]()
  }

  async #connect(options: NatsBusOptions, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      try {
        const nats = await connect(connectionOptions(options))
        if (signal.aborted) return await nats.close()
        this.#nats = nats
        this.#connected = true
        this.#connection.resolve(nats)
        this.#log.info({ server: nats.getServer() }, 'bus connected')
        await this.#followStatus(nats)
        for (const unanswered of this.#flushes) unanswered()
        if (this.#closed === undefined) this.#log.error({}, 'bus given up by its client')
        return
      } catch (error) {
        if (attempt === 0) this.#log.warn({ err: error }, 'bus not connected yet')
        // Scatters the reconnects of many clients; what comes of it is not decided by it.
        await systemClock.sleep(backoffMs(RECONNECT_BACKOFF, attempt, Math.random), signal)
      }
    }
  }

  async #followStatus(nats: NatsConnection): Promise<void> {
    for await (const status of nats.status()) {
      switch (status.type) {
        case 'disconnect':
          this.#connected = false
          this.#log.warn({ server: status.server }, 'bus disconnected')
          break
        case 'reconnect':
          this.#connected = true
          this.#log.info({ server: status.server, dropped: this.#dropped }, 'bus connected')
          break
        case 'error':
          this.#log.warn({ err: status.error }, 'bus error')
          break
        case 'close':
          this.#connected = false
          break
        case 'forceReconnect':
        case 'ldm':
        case 'ping':
        case 'reconnecting':
        case 'slowConsumer':
        case 'staleConnection':
        case 'update':
          break
      }
    }
  }

  /** One at a time: when the server answers, what was published before has left this process. */
  async #confirm(nats: NatsConnection): Promise<void> {
    this.#confirming = true
    while (this.#unconfirmedBytes > 0) {
      const bytes = this.#unconfirmedBytes
      // Unanswered because the connection went: what was on it is gone too.
      await this.#flushed(nats)
      this.#unconfirmedBytes -= bytes
    }
    this.#confirming = false
  }

  /** Whether the server answered; false when the connection went or was closed first. */
  async #flushed(nats: NatsConnection): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const unanswered = (): void => resolve(false)
    this.#flushes.add(unanswered)
    nats.flush().then(() => resolve(true), unanswered)
    try {
      return await promise
    } finally {
      this.#flushes.delete(unanswered)
    }
  }

  /** Lets what was published leave, if the server answers. If not, closing in order would wait for it too. */
  async #closeConnection(nats: NatsConnection): Promise<void> {
    const enough = new AbortController()
    const late = systemClock.sleep(CLOSE_FLUSH_MS_MAX, enough.signal).then(
      () => false,
      () => false,
    )
    const answered = await Promise.race([this.#flushed(nats), late])
    enough.abort()
    // Destroys the socket without a word; closing right after leaves no time to dial anew.
    if (!answered && !nats.isClosed()) await nats.reconnect()
    await nats.close()
  }

  #hand(subject: string, payload: Uint8Array, handler: (payload: Uint8Array) => void): void {
    try {
      handler(payload)
    } catch (error) {
      // A bug of the handler must not end the client's reading loop, which serves the other handlers too.
      this.#log.error({ err: error, subject }, 'bus handler threw')
    }
  }
}

function connectionOptions(options: NatsBusOptions): ConnectionOptions {
  return {
    servers: [...options.servers],
    name: options.name,
    pingInterval: options.pingIntervalMs ?? 1_000,
    maxPingOut: PINGS_OUT_MAX,
    timeout: DIAL_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    // The client does not tell which attempt it is: one delay for all, long enough for a server with many clients.
    reconnectDelayHandler: () => backoffMs(RECONNECT_BACKOFF, RECONNECT_ATTEMPT, Math.random),
    ignoreAuthErrorAbort: true,
    // Gossiped addresses lead around the links that a region's traffic is meant to take.
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
  }
}

async function unsubscribed(subscription: Subscription): Promise<void> {
  subscription.unsubscribe()
  await subscription.closed
}
