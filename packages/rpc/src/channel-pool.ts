import type { Channel } from './channel.ts'
import { grpcTransport } from './grpc-transport.ts'
import type { Transport } from './transport.ts'

/** Channels kept open at most; the one unused for longest is closed first. */
const CHANNELS_MAX = 256

export interface Dialling {
  /** Static name resolution, host to IP address, for names that no DNS knows; as /etc/hosts, per pool. */
  readonly hosts?: Readonly<Record<string, string>>
  /**
   * `host:port` of an HTTP CONNECT proxy for every name that is not in `hosts` and no loopback address: how a process
   * of one region is made to reach the others in the WAN lab. Without it the environment's `grpc_proxy` counts.
   */
  readonly proxy?: string
  /** Default: gRPC. */
  readonly transport?: Pick<Transport, 'connect'>
}

/** One channel per address, shared by everybody in a process. */
export class ChannelPool implements AsyncDisposable {
  readonly #channels = new Map<string, Channel>()
  readonly #dialling: Dialling

  constructor(dialling: Dialling = {}) {
    this.#dialling = dialling
  }

  channel(address: string): Channel {
    const open = this.#channels.get(address)
    if (open !== undefined) {
      // Maps keep insertion order: putting it back at the end makes the first entry the one unused for longest.
      this.#channels.delete(address)
      this.#channels.set(address, open)
      return open
    }
    const channel = this.#dial(address)
    this.#channels.set(address, channel)
    for (const [oldAddress, old] of this.#channels) {
      if (this.#channels.size <= CHANNELS_MAX) break
      this.#channels.delete(oldAddress)
      void old[Symbol.asyncDispose]()
    }
    return channel
  }

  #dial(address: string): Channel {
    const colon = address.lastIndexOf(':')
    const host = address.slice(0, colon)
    const ip = this.#dialling.hosts?.[host]
    const { proxy, transport = grpcTransport } = this.#dialling
    if (ip !== undefined) return transport.connect(address, { dial: ip + address.slice(colon) })
    return transport.connect(address, proxy === undefined || isLoopback(host) ? {} : { proxy })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    await Promise.all(channels.map((channel) => channel[Symbol.asyncDispose]()))
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.')
}
