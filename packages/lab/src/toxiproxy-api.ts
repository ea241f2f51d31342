import { MeridianError } from '@meridian/topology'
import { Toxic, Toxiproxy } from 'toxiproxy-node-client'
import type { ICreateToxicBody } from 'toxiproxy-node-client'
import { z } from 'zod'

import type { LinkAction, LinkToxic, ObservedLink } from './link-plan.ts'

const CALL_MS_MAX = 3_000

export interface ProxyAddress {
  readonly name: string
  /** `host:port` */
  readonly listen: string
  readonly upstream: string
}

const observedSchema = z.object({
  enabled: z.boolean(),
  toxics: z.array(
    z.object({
      name: z.string(),
      type: z.enum(['latency', 'timeout']),
      stream: z.enum(['upstream', 'downstream']),
      attributes: z.record(z.string(), z.number()),
    }),
  ),
})

/**
 * toxiproxy-node-client with what it lacks: a bound on every call, an error that says which call failed, and the toxics
 * the server lists. Names go into paths as they are, so callers give names of letters, digits, `-` and `.` only.
 */
export class ToxiproxyApi {
  readonly #client: Toxiproxy

  constructor(apiPort: number) {
    this.#client = new Toxiproxy(`http://127.0.0.1:${apiPort}`)
  }

  async version(): Promise<string> {
    return bounded('version', this.#client.getVersion())
  }

  /** Creates what is missing, not listening yet; replaces what has other addresses. */
  async populate(proxies: readonly ProxyAddress[]): Promise<void> {
    await bounded('populate', this.#client.populate(proxies.map((proxy) => ({ ...proxy, enabled: false }))))
  }

  /** One proxy and not all at once: a proxy that is stuck, see `Links`, does not answer, and listing waits for each. */
  async observe(proxy: ProxyAddress): Promise<ObservedLink> {
    const answer = await bounded(`show ${proxy.name}`, this.#client.api.get<unknown>(this.#path(proxy)))
    return observedSchema.parse(answer.data)
  }

  /** Closes its connections and forgets it. */
  async remove(proxy: ProxyAddress): Promise<void> {
    await bounded(`remove ${proxy.name}`, this.#client.api.delete(this.#path(proxy)))
  }

  async perform(proxy: ProxyAddress, action: LinkAction): Promise<void> {
    const what = `${action.kind} ${'toxic' in action ? `${action.toxic.name} of ` : ''}${proxy.name} (${proxy.listen})`
    await bounded(what, this.#call(proxy, action))
  }

  async #call(proxy: ProxyAddress, action: LinkAction): Promise<unknown> {
    const path = this.#path(proxy)
    switch (action.kind) {
      case 'disable':
      case 'enable':
        return this.#client.api.post(path, { ...proxy, enabled: action.kind === 'enable' })
      case 'add':
        return this.#client.api.post(`${path}/toxics`, bodyOf(action.toxic))
      case 'update':
        return new Toxic(this.#client.api, path, bodyOf(action.toxic)).update(bodyOf(action.toxic))
      case 'remove':
        return new Toxic(this.#client.api, path, bodyOf(action.toxic)).remove()
      default:
        return action satisfies never
    }
  }

  #path(proxy: ProxyAddress): string {
    return `${this.#client.host}/proxies/${proxy.name}`
  }
}

function bodyOf(toxic: LinkToxic): ICreateToxicBody<LinkToxic['attributes']> {
  return { ...toxic, toxicity: 1 }
}

/** The client takes no signal, so a call that is late goes on unobserved; what it did shows at the next `observe`. */
async function bounded<T>(what: string, call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CALL_MS_MAX} ms`)), CALL_MS_MAX)
  })
  try {
    return await Promise.race([call, late])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MeridianError('UNAVAILABLE', `toxiproxy: ${what}: ${reason}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}
