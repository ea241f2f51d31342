import { randomBytes } from 'node:crypto'
import type { ExplainedLeader, OwnershipClient, ShiftClient } from '@meridian/bench'
import { Control, RegionCalls } from '@meridian/client'
import type { WorldRegion } from '@meridian/lab'
import { ChannelPool } from '@meridian/rpc'
import { EMPTY_KEY, keyOfText, keyspaceName, operationId, regionId } from '@meridian/topology'
import type { Key } from '@meridian/topology'

const KEYSPACE = keyspaceName('bench')
/** More than assignments can be under way at once, so that they do not refuse each other. */
const RANGES = 64
const SPLIT_MAX = 32
const startOf = (index: number): Key => (index === 0 ? EMPTY_KEY : keyOfText(`r${String(index).padStart(3, '0')}`))

/** The API of one region, as a client there has it. */
export class RegionClient implements OwnershipClient, ShiftClient {
  static #turn = 0
  readonly #pool: ChannelPool
  readonly #control: Control
  readonly #regions: readonly string[]
  readonly #run = randomBytes(4).toString('hex')
  #operations = 0

  constructor(region: WorldRegion, regions: readonly WorldRegion[]) {
    this.#pool = new ChannelPool({ hosts: region.hosts, proxy: region.proxy })
    this.#regions = regions.map(({ id }) => id)
    this.#control = new Control(
      new RegionCalls(
        this.#pool,
        () => region.servers,
        (id) => regions.find((each) => each.id === id)?.servers ?? [],
      ),
    )
  }

  async prepare(signal: AbortSignal): Promise<void> {
    const [first] = this.#regions
    if (first === undefined) throw new Error('assertion: a world without regions')
    await this.#control.createKeyspace(this.#operation(), KEYSPACE, regionId(first), [], { signal })
    for (let from = 1; from < RANGES; from += SPLIT_MAX) {
      const count = Math.min(SPLIT_MAX, RANGES - from)
      const at = Array.from({ length: count }, (_, i) => startOf(from + i))
      await this.#control.split(this.#operation(), KEYSPACE, at, [], { signal })
    }
  }

  async assign(signal: AbortSignal): Promise<void> {
    // The turn is everybody's: to give a range to whom it belongs already would commit nothing.
    const turn = RegionClient.#turn
    RegionClient.#turn += 1
    const owner = this.#regions[(1 + Math.floor(turn / RANGES)) % this.#regions.length]
    if (owner === undefined) throw new Error('assertion: a world without regions')
    const assignment = { start: startOf(turn % RANGES), owner: regionId(owner), standbys: [] }
    await this.#control.assign(this.#operation(), KEYSPACE, [assignment], [], { signal })
  }

  async pinLeader(region: string, signal: AbortSignal): Promise<void> {
    await this.#control.preferLeader(regionId(region), { signal })
  }

  async lookup(local: boolean, signal: AbortSignal): Promise<void> {
    await this.#control.lookup(KEYSPACE, EMPTY_KEY, local, { signal })
  }

  async explain(signal: AbortSignal): Promise<ExplainedLeader> {
    const { leader, decision, reason, candidates, surplusMs } = await this.#control.explainLeader({ signal })
    return {
      leader,
      decision,
      reason,
      expectedMs: (place, client) => {
        const found = candidates.find(({ region }) => region === place)
        const floorMs = found?.clients.find(({ region }) => region === client)?.floorMs
        return found?.costMs === undefined || floorMs === undefined ? undefined : floorMs + (surplusMs ?? 0)
      },
    }
  }

  #operation() {
    this.#operations += 1
    return operationId(`bench-${this.#run}-${this.#operations}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]()
  }
}
