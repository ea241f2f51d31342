import { isMeridianError, MeridianError } from '@meridian/topology'

import { planLink } from './link-plan.ts'
import type { Cut, LinkState } from './link-plan.ts'
import type { ProxyAddress, ToxiproxyApi } from './toxiproxy-api.ts'

export interface LinkSpec {
  readonly source: string
  readonly target: string
  readonly listenPort: number
  readonly ingressPort: number
  readonly outwardDelayMs: number
  readonly returnDelayMs: number
}

export type CutStyle = Exclude<Cut, false>

/** Region ids have neither dots nor slashes, so the name is safe in a path and reads back as its pair. */
export const linkName = (source: string, target: string): string => `${source}.${target}`

/**
 * The links between regions, as desired states that Toxiproxy is brought to. Every verb is idempotent and resolves when the
 * proxy is in the state; one that fails leaves the desired state set, and `reconcile` tries again.
 *
 * Toxiproxy cannot change a toxic while it cannot write to some connection of the proxy: the call never returns and the
 * proxy takes no connection from then on. The front makes that rare (see `splice`); when it happens, the proxy is replaced,
 * so that the cut holds, but its connections are closed where a black hole would have kept them. Should a connection have
 * come in between, Toxiproxy answers no more at all, every verb fails with UNAVAILABLE, and only a new lab helps.
 *
 * NOT emulated: loss and reordering of packets, the handshake's round trip, congestion windows. A black hole swallows
 * bytes, but an endpoint that closes its connection, or dies, still shows on the far side as the connection's end.
 */
export class Links {
  readonly #api: ToxiproxyApi
  readonly #links: ReadonlyMap<string, Link>

  constructor(api: ToxiproxyApi, specs: readonly LinkSpec[]) {
    this.#api = api
    this.#links = new Map(specs.map((spec) => [linkName(spec.source, spec.target), new Link(api, spec)]))
  }

  /** Creates every proxy, delays first and listening last. */
  async open(): Promise<void> {
    const links = [...this.#links.values()]
    await this.#api.populate(links.map((link) => link.address))
    await this.reconcile()
  }

  /** Brings every proxy to its desired state; what already is there is left alone. */
  async reconcile(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.reconcile()))
  }

  /** @throws MeridianError REGION_UNKNOWN for what is no pair of this world. */
  state(source: string, target: string): LinkState {
    return this.#link(source, target).state
  }

  /** Cuts what `source` dialled in `target`, both ways; what `target` dialled in `source` goes on. */
  async cut(source: string, target: string, style: CutStyle = 'blackhole'): Promise<void> {
    await this.#link(source, target).set({ cut: style })
  }

  /** Ends the cut; connections that were in a black hole are closed by this. */
  async heal(source: string, target: string): Promise<void> {
    await this.#link(source, target).set({ cut: false })
  }

  async cutPair(a: string, b: string, style: CutStyle = 'blackhole'): Promise<void> {
    await Promise.all([this.cut(a, b, style), this.cut(b, a, style)])
  }

  async healPair(a: string, b: string): Promise<void> {
    await Promise.all([this.heal(a, b), this.heal(b, a)])
  }

  /** Cuts a region off from all others. */
  async cutRegion(region: string, style: CutStyle = 'blackhole'): Promise<void> {
    await Promise.all(this.#around(region).map((link) => link.set({ cut: style })))
  }

  async healRegion(region: string): Promise<void> {
    await Promise.all(this.#around(region).map((link) => link.set({ cut: false })))
  }

  async healAll(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.set({ cut: false })))
  }

  #link(source: string, target: string): Link {
    const link = this.#links.get(linkName(source, target))
    if (link === undefined)
      throw new MeridianError('REGION_UNKNOWN', `no link from ${JSON.stringify(source)} to ${JSON.stringify(target)}`)
    return link
  }

  #around(region: string): Link[] {
    const links = [...this.#links.values()].filter(({ spec }) => spec.source === region || spec.target === region)
    if (links.length === 0) throw new MeridianError('REGION_UNKNOWN', `no links of region ${JSON.stringify(region)}`)
    return links
  }
}

class Link {
  readonly spec: LinkSpec
  readonly address: ProxyAddress
  readonly #api: ToxiproxyApi
  #state: LinkState
  /** Calls on one proxy go one after the other, so that a heal cannot overtake the cut before it. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(api: ToxiproxyApi, spec: LinkSpec) {
    this.#api = api
    this.spec = spec
    this.#state = { outwardDelayMs: spec.outwardDelayMs, returnDelayMs: spec.returnDelayMs, cut: false }
    this.address = {
      name: linkName(spec.source, spec.target),
      listen: `127.0.0.1:${spec.listenPort}`,
      upstream: `127.0.0.1:${spec.ingressPort}`,
    }
  }

  get state(): LinkState {
    return this.#state
  }

  async set(change: Partial<LinkState>): Promise<void> {
    this.#state = { ...this.#state, ...change }
    await this.reconcile()
  }

  async reconcile(): Promise<void> {
    await this.#inOrder(async () => {
      try {
        await this.#apply()
      } catch (error) {
        if (!isMeridianError(error, 'UNAVAILABLE')) throw error
        await this.#api.remove(this.address)
        await this.#api.populate([this.address])
        await this.#apply()
      }
    })
  }

  async #apply(): Promise<void> {
    const observed = await this.#api.observe(this.address)
    for (const action of planLink(this.#state, observed)) await this.#api.perform(this.address, action)
  }

  async #inOrder(work: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => {})
    await mine
  }
}
