import { NodeServiceDefinition } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool, ClientOf } from '@meridian/rpc'
import { isMeridianError } from '@meridian/topology'

export type NodeServiceClient = ClientOf<typeof NodeServiceDefinition>

/**
 * The region's servers as one of the node's loops sees them: it stays with one as long as that one answers, and goes
 * on to the next when it is away or not the one to ask. Each loop has its own, because renewals want the controller
 * and everything else is answered by any of them.
 */
export class RegionApi {
  readonly #pool: ChannelPool
  readonly #addresses: readonly string[]
  #at = 0

  constructor(pool: ChannelPool, addresses: readonly string[]) {
    if (addresses.length === 0) throw new Error('a node needs the address of a region server')
    this.#pool = pool
    this.#addresses = addresses
  }

  get address(): string {
    return this.#addresses[this.#at % this.#addresses.length] ?? ''
  }

  get servers(): number {
    return this.#addresses.length
  }

  get client(): NodeServiceClient {
    return clientOf(NodeServiceDefinition, this.#pool.channel(this.address))
  }

  next(): void {
    this.#at += 1
  }

  /** One round over the servers, beginning with the last good one; throws what the last of them answered. */
  async ask<T>(call: (client: NodeServiceClient) => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        return await call(this.client)
      } catch (error) {
        if (!asksElsewhere(error) || tried >= this.#addresses.length) {
          if (asksElsewhere(error)) this.next()
          throw error
        }
        this.next()
      }
    }
  }
}

function asksElsewhere(error: unknown): boolean {
  return (
    isMeridianError(error, 'UNAVAILABLE') ||
    isMeridianError(error, 'NOT_CONTROLLER') ||
    isMeridianError(error, 'OUTCOME_UNKNOWN') ||
    isMeridianError(error, 'LEADERSHIP_LOST') ||
    isMeridianError(error, 'INTERNAL')
  )
}
