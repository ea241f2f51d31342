import type { ChannelPool } from '@meridian/rpc'
import { isMeridianError, MeridianError } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'

/** Times one call is sent on to the server that a refusal named. */
const REDIRECTS_MAX = 4

export interface CallOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What one attempt is sent with. */
export interface AttemptOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Calls to region servers: one after the other until one answers, and on to whichever a refusal names. */
export class RegionCalls {
  readonly pool: ChannelPool
  readonly #servers: () => readonly string[]
  readonly #serversOf: (region: RegionId) => readonly string[]

  /**
   * @param servers addresses of the own region's servers, tried in order
   * @param serversOf addresses of another region's servers, for what only its owner may decide
   */
  constructor(pool: ChannelPool, servers: () => readonly string[], serversOf: (region: RegionId) => readonly string[]) {
    this.pool = pool
    this.#servers = servers
    this.#serversOf = serversOf
  }

  /**
   * @param region whose servers are asked first; the own one by default
   * @throws MeridianError of the last server asked; UNAVAILABLE when none is known
   */
  async call<T>(
    options: CallOptions | undefined,
    send: (address: string, call: AttemptOptions) => Promise<T>,
    region?: RegionId,
  ): Promise<T> {
    const call = {
      timeoutMs: options?.timeoutMs ?? 30_000,
      ...(options?.signal === undefined ? {} : { signal: options.signal }),
    }
    let candidates = region === undefined ? [...this.#servers()] : [...this.#serversOf(region)]
    let failure = new MeridianError('UNAVAILABLE', `no server of ${region ?? 'the region'} is known`)
    for (let redirects = 0; candidates.length > 0;) {
      const [address = '', ...rest] = candidates
      try {
        return await send(address, call)
      } catch (error) {
        if (!isMeridianError(error)) throw error
        failure = error
        const better = this.#better(error)
        if (better.length > 0 && redirects < REDIRECTS_MAX) {
          redirects += 1
          candidates = [...better]
        } else if (error.code === 'UNAVAILABLE' || error.code === 'NOT_CONTROLLER') {
          candidates = rest
        } else throw error
      }
    }
    throw failure
  }

  #better(error: MeridianError): readonly string[] {
    const { owner, controller } = error.details
    if (error.code === 'NOT_CONTROLLER' && controller !== undefined && controller !== '') return [controller]
    if (error.code === 'NOT_OWNER_REGION' && owner !== undefined) return this.#serversOf(owner as RegionId)
    return []
  }
}
