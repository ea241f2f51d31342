import type { RangeId, RegionId, ShardId } from './ids.ts'
import { EMPTY_KEY } from './key.ts'
import type { Key } from './key.ts'
import type { Page, Shard } from './page.ts'
import type { RangeDescriptor } from './range-descriptor.ts'

/**
 * Watches a world step by step and says which invariant of SPEC.md a step broke. For the tests of this package: it
 * shares no code with the transitions, and looks at single keys of a small alphabet by linear search, so that a mistake
 * in the one is not repeated in the other.
 */
export class InvariantChecker {
  readonly #alphabet: readonly Key[]
  readonly #lastOf = new Map<Key, RangeDescriptor>()
  readonly #committed = new Set<string>()
  readonly #rangeIdsUsed = new Set<RangeId>()
  #rangeIdsAlive = new Set<RangeId>()
  readonly #leaderOf = new Map<string, string>()
  readonly #configurationOf = new Map<string, string>()
  /** What each shard counted on last, whatever the generation. */
  readonly #lastConfiguration = new Map<ShardId, string>()
  readonly #lastShard = new Map<string, Shard>()
  readonly #boundsOf = new Map<ShardId, string>()
  #shardsAlive = new Set<ShardId>()

  /** `alphabet`: every key at which anything may start; the empty key among them. */
  constructor(alphabet: readonly Key[]) {
    this.#alphabet = alphabet
  }

  /** The ranges of one keyspace at the next revision of G. */
  observeRanges(ranges: readonly RangeDescriptor[]): string | undefined {
    for (const range of ranges) {
      this.#committed.add(subordination(range.rangeId, range.generation, range.start, range.end, range.owner))
    }
    return this.#partition(ranges) ?? this.#generations(ranges) ?? this.#rangeIds(ranges)
  }

  /** The pages of one region at its next revision. */
  observePages(region: RegionId, pages: readonly Page[]): string | undefined {
    for (const page of pages) {
      const complaint = this.#subordinate(region, page) ?? this.#tiled(page)
      if (complaint !== undefined) return complaint
      for (const [index, shard] of page.shards.entries()) {
        const found =
          this.#replicas(shard) ??
          this.#leader(page, shard) ??
          this.#identity(page, shard, index) ??
          this.#succession(page, shard)
        if (found !== undefined) return found
      }
    }
    return this.#shardIds(pages)
  }

  #partition(ranges: readonly RangeDescriptor[]): string | undefined {
    for (const key of this.#alphabet) {
      const holders = ranges.filter((range) => holds(range, key))
      if (holders.length !== 1) return `T1: key ${JSON.stringify(key)} is in ${holders.length} ranges`
    }
    return undefined
  }

  #generations(ranges: readonly RangeDescriptor[]): string | undefined {
    for (const key of this.#alphabet) {
      const now = ranges.find((range) => holds(range, key))
      const before = this.#lastOf.get(key)
      if (now === undefined) continue
      if (before !== undefined) {
        const same = before.owner === now.owner && before.start === now.start && before.end === now.end
        const risen = now.generation > before.generation
        if (now.generation < before.generation || (!same && !risen)) {
          return `T2: key ${JSON.stringify(key)} went from generation ${before.generation} to ${now.generation}`
        }
      }
      this.#lastOf.set(key, now)
    }
    return undefined
  }

  #rangeIds(ranges: readonly RangeDescriptor[]): string | undefined {
    const alive = new Set(ranges.map((range) => range.rangeId))
    if (alive.size !== ranges.length) return 'T6: two ranges share an id'
    for (const id of alive) {
      if (this.#rangeIdsUsed.has(id) && !this.#rangeIdsAlive.has(id)) return `T6: range id ${id} was used again`
      this.#rangeIdsUsed.add(id)
    }
    this.#rangeIdsAlive = alive
    return undefined
  }

  #subordinate(region: RegionId, page: Page): string | undefined {
    const named = subordination(page.rangeId, page.generation, page.start, page.end, region)
    if (page.role === 'standby') {
      const followed = named.slice(0, named.lastIndexOf(' of '))
      return [...this.#committed].some((each) => each.startsWith(`${followed} of `))
        ? undefined
        : `T5: the standby page of range ${page.rangeId} names ${followed}, never committed`
    }
    return this.#committed.has(named)
      ? undefined
      : `T5: the page of range ${page.rangeId} names ${named}, never committed`
  }

  #tiled(page: Page): string | undefined {
    let next: Key | undefined = page.start
    for (const [index, shard] of page.shards.entries()) {
      if (shard.start !== next) return `T7: shard ${shard.shardId} starts at ${shard.start}, not at ${next}`
      next = page.shards[index + 1]?.start ?? page.end
      if (next !== EMPTY_KEY && next <= shard.start) return `T7: shard ${shard.shardId} is empty`
    }
    if (page.shards.length === 0) return `T7: the page of range ${page.rangeId} has no shard`
    for (const key of this.#alphabet) {
      const holders = page.shards.filter((shard, index) =>
        holds({ start: shard.start, end: page.shards[index + 1]?.start ?? page.end }, key),
      )
      if (holders.length !== (holds(page, key) ? 1 : 0))
        return `T7: key ${JSON.stringify(key)} is in ${holders.length} shards`
    }
    return undefined
  }

  #replicas(shard: Shard): string | undefined {
    if (new Set(shard.replicas).size !== shard.replicas.length) return `T8: shard ${shard.shardId} has a replica twice`
    if (shard.status === 'assigned' && !shard.replicas.includes(shard.leader)) {
      return `T8: shard ${shard.shardId} is led by ${shard.leader}, no replica of it`
    }
    return undefined
  }

  #leader(page: Page, shard: Shard): string | undefined {
    const leader = leadership(shard)
    const term = `${shard.shardId} g${page.generation}`
    const token = `${term}.e${shard.epoch}`
    const other = this.#leaderOf.get(token)
    if (other !== undefined && other !== leader) return `T3: shard ${token} is led by ${other} and by ${leader}`
    this.#leaderOf.set(token, leader)
    const configured = configuration(shard)
    const set = this.#configurationOf.get(token)
    if (set !== undefined && set !== configured) return `T9: shard ${token} counts on ${set} and on ${configured}`
    this.#configurationOf.set(token, configured)
    const before = this.#lastShard.get(term)
    if (before !== undefined) {
      const changed = leadership(before) !== leader
      if (shard.epoch < before.epoch || (changed && shard.epoch === before.epoch)) {
        return `T4: shard ${term} went from epoch ${before.epoch} to ${shard.epoch}`
      }
    }
    this.#lastShard.set(term, shard)
    return undefined
  }

  /** From one set to the next only through both, and one node at a time. */
  #succession(page: Page, shard: Shard): string | undefined {
    if (page.role === 'standby') return undefined
    const before = this.#lastConfiguration.get(shard.shardId)
    const now = configuration(shard)
    this.#lastConfiguration.set(shard.shardId, now)
    if (before === undefined || before === now) return undefined
    const [old, oldPrior] = before.split('|')
    const [next, prior] = now.split('|')
    const entered = oldPrior === '' && prior === old
    const left = prior === '' && oldPrior !== '' && next === old
    if (entered || left) return undefined
    return `T9: shard ${shard.shardId} went from replicas ${before} to ${now}`
  }

  /** No shard is ever cut or joined here, so an id stands for the same keys for ever. */
  #identity(page: Page, shard: Shard, index: number): string | undefined {
    const bounds = `[${shard.start}, ${page.shards[index + 1]?.start ?? page.end})`
    const before = this.#boundsOf.get(shard.shardId)
    if (before !== undefined && before !== bounds) return `T6: shard ${shard.shardId} was ${before} and is ${bounds}`
    this.#boundsOf.set(shard.shardId, bounds)
    return undefined
  }

  #shardIds(pages: readonly Page[]): string | undefined {
    const ids = pages.flatMap((page) => page.shards.map((shard) => shard.shardId))
    const alive = new Set(ids)
    if (alive.size !== ids.length) return 'T6: two shards share an id'
    // Shards never end in this package, so one that was missing and is back is another one under an old id.
    const lost = [...this.#shardsAlive].find((id) => !alive.has(id))
    if (lost !== undefined) return `T6: shard ${lost} is gone`
    this.#shardsAlive = alive
    return undefined
  }
}

function holds(interval: { readonly start: Key; readonly end: Key }, key: Key): boolean {
  return interval.start <= key && (interval.end === EMPTY_KEY || key < interval.end)
}

function subordination(range: RangeId, generation: bigint, start: Key, end: Key, owner: RegionId): string {
  return `range ${range} [${start}, ${end}) generation ${generation} of ${owner}`
}

/** `a,b,c|` or `a,b,d|a,b,c`: the sets that need a quorum each. */
function configuration({ replicas, change }: Shard): string {
  return `${replicas.join()}|${change?.kind === 'joint' ? change.prior.join() : ''}`
}

function leadership(shard: Shard): string {
  return shard.status === 'assigned' ? `${shard.leader}#${shard.leaderNodeEpoch}` : 'nobody'
}
