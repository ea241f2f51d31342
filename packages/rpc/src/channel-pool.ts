import { Channel } from './client.ts'

/** Channels kept open at most; the one unused for longest is closed first. */
const CHANNELS_MAX = 256

/** Static name resolution, host to IP address, for names that no DNS knows; as /etc/hosts, per process. */
export type Hosts = Readonly<Record<string, string>>

/** One channel per address, shared by everybody in a process. */
export class ChannelPool implements AsyncDisposable {
  readonly #channels = new Map<string, Channel>()
  readonly #hosts: Hosts

  constructor(hosts: Hosts = {}) {
    this.#hosts = hosts
  }

  channel(address: string): Channel {
    const open = this.#channels.get(address)
    if (open !== undefined) {
      // Maps keep insertion order: putting it back at the end makes the first entry the one unused for longest.
      this.#channels.delete(address)
      this.#channels.set(address, open)
      return open
    }
    const channel = new Channel(this.#resolve(address))
    this.#channels.set(address, channel)
    for (const [oldAddress, old] of this.#channels) {
      if (this.#channels.size <= CHANNELS_MAX) break
      this.#channels.delete(oldAddress)
      void old[Symbol.asyncDispose]()
    }
    return channel
  }

  #resolve(address: string): string {
    const colon = address.lastIndexOf(':')
    const ip = this.#hosts[address.slice(0, colon)]
    return ip === undefined ? address : ip + address.slice(colon)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    await Promise.all(channels.map((channel) => channel[Symbol.asyncDispose]()))
  }
}
