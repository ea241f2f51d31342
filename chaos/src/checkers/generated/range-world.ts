import fc from 'fast-check'
import type { HistoryEvent } from '../../history/event.ts'
import type { GCommitEvent } from '../../history/store-event.ts'
import { Timeline } from './timeline.ts'

/** What the operators of one keyspace do next; `which` picks a range or a region, by its remainder. */
const STEP = fc.record({
  what: fc.constantFrom('split', 'split', 'merge', 'merge', 'transfer', 'abort', 'take-over', 'failover'),
  which: fc.nat({ max: 99 }),
  key: fc.integer({ min: 1, max: 25 }),
})
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never

const REGIONS = ['eu', 'us', 'ap'] as const
type Facts = Pick<GCommitEvent, 'range' | 'start' | 'end' | 'owner' | 'gen' | 'status'>

/** G and three regions that do everything right, as a witness of each sees it. Each range has one shard. */
class RangeWorld {
  readonly #timeline = new Timeline()
  readonly #ranges = new Map<number, Facts>()
  readonly #epochs = new Map<number, number>()
  readonly #revs = new Map<string, number>()
  #ops = 0
  #nextRange = 2
  #t = 0

  constructor() {
    for (const tier of ['g', ...REGIONS]) this.#witness(tier, 'began')
    this.#commit([{ range: 1, start: '', end: '', owner: 'eu', gen: '1', status: 'active' }])
    this.#lead(1)
  }

  step({ what, which, key }: Step): void {
    const ranges = [...this.#ranges.values()]
    const range = ranges[which % ranges.length]
    if (range === undefined) return
    if (what === 'split') this.#split(range, String.fromCharCode(96 + key))
    if (what === 'merge') this.#merge(range)
    if (what === 'transfer' || what === 'abort') this.#transfer(range, this.#other(range.owner, which), what)
    if (what === 'take-over') this.#give(range, this.#other(range.owner, which))
    if (what === 'failover') this.#lead(range.range)
  }

  end(): HistoryEvent[] {
    for (const tier of [...REGIONS, 'g']) this.#witness(tier, 'ended')
    return this.#timeline.history()
  }

  #other(owner: string, which: number): string {
    const others = REGIONS.filter((region) => region !== owner)
    return others[which % others.length] ?? 'eu'
  }

  #split(range: Facts, at: string): void {
    if (at <= range.start || (range.end !== '' && at >= range.end)) return
    const gen = String(BigInt(range.gen) + 1n)
    const upper = this.#nextRange++
    this.#commit([
      { ...range, end: at, gen },
      { ...range, range: upper, start: at, gen },
    ])
    this.#lead(range.range, true)
    this.#lead(upper, true)
  }

  #merge(range: Facts): void {
    const right = [...this.#ranges.values()].find(({ start }) => start === range.end && range.end !== '')
    if (right === undefined || right.owner !== range.owner) return
    const gen = BigInt(range.gen) > BigInt(right.gen) ? BigInt(range.gen) : BigInt(right.gen)
    this.#ranges.delete(right.range)
    this.#commit([{ ...range, end: right.end, gen: String(gen + 1n) }], [right])
    this.#lead(range.range, true)
  }

  #transfer(range: Facts, target: string, what: 'transfer' | 'abort'): void {
    const op = `op-${(this.#ops += 1)}`
    this.#commit([{ ...range, status: 'moving' }], [], op)
    this.#commit([{ ...range, status: 'frozen' }], [], op)
    if (what === 'abort') this.#commit([{ ...range, status: 'active' }], [], op)
    else this.#give(range, target, op)
  }

  #give(range: Facts, target: string, op?: string): void {
    this.#commit([{ ...range, owner: target, gen: String(BigInt(range.gen) + 1n) }], [], op)
    this.#lead(range.range, true)
  }

  /** One revision of G: each step of a transfer is an operation of its own, whose range names the transfer. */
  #commit(puts: readonly Facts[], gone: readonly Facts[] = [], transfer?: string): void {
    const [rev, stamp] = this.#revision('g')
    const op = `op-${(this.#ops += 1)}`
    const at = { inc: '1', rev, keyspace: 'cities', stamp }
    this.#put('g', rev, `/op/${op}`, `=${op}`)
    for (const facts of puts) {
      this.#ranges.set(facts.range, facts)
      this.#tell('g', { kind: 'g.commit', ...at, ...facts, op: transfer ?? op })
    }
    for (const facts of gone) this.#tell('g', { kind: 'g.commit', ...at, ...facts, status: 'gone', op: '' })
  }

  /** The range's shard gets its next leader in the owner's region. */
  #lead(id: number, anew = false): void {
    const range = this.#ranges.get(id)
    if (range === undefined) return
    const epoch = anew ? 1 : (this.#epochs.get(id) ?? 0) + 1
    this.#epochs.set(id, epoch)
    const [rev, stamp] = this.#revision(range.owner)
    const led = { leader: `${range.owner}-n${epoch % 3}`, leaderNodeEpoch: '1', status: 'assigned' } as const
    const token = { gen: range.gen, epoch: String(epoch) }
    const shard = { region: range.owner, shard: `${id}.0`, range: id, replicas: ['n0', 'n1', 'n2'] }
    this.#tell(range.owner, { kind: 'e.commit', ...shard, ...token, ...led, inc: '1', rev, stamp, page: 'owner' })
  }

  #revision(tier: string): readonly [string, string] {
    const rev = (this.#revs.get(tier) ?? 1) + 1
    this.#revs.set(tier, rev)
    const stamp = `${rev.toString(16).padStart(12, '0')}0000-s1`
    this.#put(tier, String(rev), '/stamp', `=${stamp}`)
    return [String(rev), stamp]
  }

  #put(tier: string, rev: string, key: string, value: string): void {
    this.#tell(tier, { kind: 'put', witness: `w-${tier}`, tier, inc: '1', rev, key, value })
  }

  #witness(tier: string, phase: 'began' | 'ended'): void {
    const rev = phase === 'ended' ? String(this.#revs.get(tier) ?? 1) : ''
    this.#tell(tier, { kind: 'witness', witness: `w-${tier}`, tier, decodes: true, phase, rev, rows: 0, why: '' })
  }

  #tell(tier: string, entry: Parameters<Timeline['at']>[2]): void {
    this.#timeline.at((this.#t += 1000), `witness of ${tier}`, entry)
  }
}

/** A history in which everything is right. */
export function play(steps: readonly Step[]): HistoryEvent[] {
  const world = new RangeWorld()
  for (const step of steps) world.step(step)
  return world.end()
}

export const rangeSteps = fc.array(STEP, { minLength: 5, maxLength: 40 })
