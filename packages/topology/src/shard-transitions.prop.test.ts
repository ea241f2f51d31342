import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyspaceName, nodeId, operationId, rangeId, regionId, shardId } from './ids.ts'
import type { NodeId, RangeId, ShardId } from './ids.ts'
import { keyOfText, rangeContains } from './key.ts'
import type { Key } from './key.ts'
import { InvariantChecker } from './invariant-checker.ts'
import type { NodeRecord } from './node-record.ts'
import { decideOwnership } from './ownership.ts'
import type { OwnershipCommand } from './ownership.ts'
import { decodePage, encodePage } from './page-codec.ts'
import { pageComplaint } from './page.ts'
import type { AssignedShard, Page, Shard } from './page.ts'
import { RangeMap } from './range-map.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import type { PageDecision } from './page-decision.ts'
import { abortMove, beginMove, finishMove, joinMove } from './shard-moves.ts'
import { adoptPages, failOver, handOver, openPage } from './shard-transitions.ts'
import { freezePage, thawPage } from './page-transitions.ts'
import { epoch, generation, nodeEpoch, revision } from './token.ts'
import { nodesOf, rangesOf } from './worlds.ts'

const keyspace = keyspaceName('cities')
const eu = regionId('eu')
const alphabet = ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map(keyOfText)
const NONE = new Map()

type Event =
  | { readonly kind: 'split'; readonly at: readonly Key[] }
  | { readonly kind: 'merge'; readonly at: Key }
  | { readonly kind: 'assign'; readonly start: Key; readonly owner: string }
  | { readonly kind: 'open'; readonly key: Key; readonly bounds: readonly Key[] }
  | { readonly kind: 'adopt' }
  | { readonly kind: 'down' | 'start'; readonly node: number }
  | { readonly kind: 'fail-over' }
  | { readonly kind: 'freeze' | 'thaw'; readonly key: Key }
  | { readonly kind: 'hand-over'; readonly key: Key; readonly node: number }
  | { readonly kind: 'begin-move'; readonly key: Key; readonly node: number }
  | { readonly kind: 'join-move'; readonly key: Key; readonly node: number }
  | { readonly kind: 'finish-move' | 'abort-move'; readonly key: Key }

const key = fc.constantFrom(...alphabet)
const node = fc.nat({ max: 4 })
/** Few of them, so that a move that was begun is met again. */
const moved = fc.constantFrom(...['', 'd'].map(keyOfText))
const keys = (maxLength: number): fc.Arbitrary<Key[]> => fc.uniqueArray(key, { maxLength, size: 'max' })
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('split' as const), at: keys(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('merge' as const), at: key }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('assign' as const), start: key, owner: fc.constantFrom('eu', 'us') }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('open' as const), key, bounds: keys(8) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'adopt' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('down' as const, 'start' as const), node }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'fail-over' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('freeze' as const, 'thaw' as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hand-over' as const), key, node }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('begin-move' as const), key: moved, node }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('join-move' as const), key: moved, node }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('finish-move' as const, 'finish-move' as const, 'abort-move' as const),
      key: moved,
    }),
  },
)

const events = (minLength: number, maxLength: number): fc.Arbitrary<Event[]> =>
  fc.array(event, { minLength, maxLength, size: 'max' })

/** G and one region, with the steps taken at random moments: between a split and its adoption leaders fail over. */
class World {
  readonly checker = new InvariantChecker(alphabet)
  /** What happened, to see that the generator reaches everything. */
  readonly happened: string[] = []
  map = RangeMap.empty
  pages: readonly Page[] = []
  nodes: readonly NodeRecord[] = nodesOf('a@a b@b c@c d@a e@b')
  #nextRangeId = rangeId(1)
  #operations = 0

  /** Whether the global tier agreed. */
  command(command: OwnershipCommand): boolean {
    const decision = decideOwnership(this.map, command, {
      operation: operationId(`op-${(this.#operations += 1)}`),
      stamp: { wallMs: this.#operations, counter: 0, origin: 'eu' },
      nextRangeId: this.#nextRangeId,
    })
    if (!decision.ok) return false
    this.map = this.map.apply(decision.puts, decision.removes)
    this.#nextRangeId = decision.nextRangeId
    expect(this.checker.observeRanges(this.map.list(keyspace))).toBeUndefined()
    return true
  }

  write(pages: readonly Page[]): void {
    for (const page of pages) {
      expect(pageComplaint(page)).toBeUndefined()
      expect(decodePage(encodePage(page))).toEqual(page)
    }
    this.pages = pages
    expect(this.checker.observePages(eu, pages)).toBeUndefined()
  }

  take(event: Event): void {
    if (this.#take(event)) this.happened.push(event.kind)
  }

  #take(event: Event): boolean {
    switch (event.kind) {
      case 'split': {
        // What a region checks before it asks: an active range is cut at the start of a shard.
        const starts = new Set(this.pages.flatMap((page) => page.shards.map((shard) => shard.start)))
        const allowed = event.at.every((at) => this.map.find(keyspace, at)?.status === 'vacant' || starts.has(at))
        return allowed && this.command({ ...event, keyspace })
      }
      case 'merge':
        return this.command({ kind: 'merge', keyspace, at: this.#startBelow(event.at) })
      case 'assign': {
        const assignments = [{ start: this.#startBelow(event.start), owner: regionId(event.owner), standbys: [] }]
        return this.command({ kind: 'assign', keyspace, assignments })
      }
      case 'open':
        return this.#open(event.key, event.bounds)
      case 'adopt':
        return this.#adopt()
      case 'down':
      case 'start':
        this.nodes = this.nodes.map((each, index): NodeRecord =>
          index === event.node
            ? { ...each, status: event.kind === 'down' ? 'down' : 'up', nodeEpoch: nodeEpoch(each.nodeEpoch + 1n) }
            : each,
        )
        return true
      case 'fail-over':
        return this.#failOver()
      case 'freeze':
      case 'thaw':
        return this.#freeze(event.kind, event.key)
      case 'hand-over':
        return this.#change(event.key, (page, id) => {
          const target = this.nodes[event.node]?.nodeId
          return target === undefined ? undefined : handOver(page, id, target, this.nodes)
        })
      case 'begin-move':
        return this.#change(event.key, (page, id) => {
          const { replicas = [] } = page.shards.find(({ shardId: each }) => each === id) ?? {}
          const others = this.nodes.filter(({ nodeId: each }) => !replicas.includes(each))
          const target = others[event.node % others.length]?.nodeId
          return target === undefined ? undefined : beginMove(page, id, target, this.nodes)
        })
      case 'join-move':
        return this.#change(event.key, (page, id) => {
          const { replicas = [] } = page.shards.find(({ shardId: each }) => each === id) ?? {}
          const leaving = replicas[event.node % replicas.length]
          return leaving === undefined ? undefined : joinMove(page, id, leaving)
        })
      case 'finish-move':
        return this.#change(event.key, finishMove)
      case 'abort-move':
        return this.#change(event.key, abortMove)
    }
  }

  #startBelow(at: Key): Key {
    return this.map.find(keyspace, at)?.start ?? at
  }

  #open(at: Key, bounds: readonly Key[]): boolean {
    const range = this.map.find(keyspace, at)
    if (range === undefined || range.owner !== eu || range.status !== 'vacant') return false
    // Enough nodes first, as the region has to: an active range without a page serves nobody.
    if (this.nodes.filter(({ status }) => status === 'up').length < 3) return false
    expect(this.command({ kind: 'activate', keyspace, starts: [range.start] })).toBe(true)
    const active = this.map.get(keyspace, range.start)
    if (active === undefined) throw new Error('the range is gone')
    const inside = bounds.filter((bound) => bound > range.start && rangeContains(range, bound)).toSorted()
    const opened = openPage(active, inside, this.nodes, 3, NONE)
    if (!opened.ok) throw opened.error
    this.write([...this.pages, opened.page])
    return true
  }

  /** All in one transaction: every page whose generation has passed goes, one per active range comes. */
  #adopt(): boolean {
    const pages = this.map
      .list(keyspace)
      .filter((range) => range.owner === eu && range.status === 'active')
      .map((range) => this.#current(range))
    const changed = pages.some((page) => !this.pages.includes(page))
    this.write(pages)
    return changed
  }

  #current(range: RangeDescriptor): Page {
    const page = this.pages.find((each) => each.rangeId === range.rangeId && each.generation === range.generation)
    if (page !== undefined) return page
    const adopted = adoptPages(range, this.pages, this.nodes, NONE)
    if (!adopted.ok) throw adopted.error
    return adopted.page
  }

  #failOver(): boolean {
    const results = this.pages.map((page) => failOver(page, this.nodes))
    this.write(results.map(({ page }) => page))
    const lives = new Map(
      this.nodes.filter(({ status }) => status === 'up').map((each) => [each.nodeId, each.nodeEpoch]),
    )
    for (const shard of this.pages.flatMap(({ shards }) => shards)) {
      if (shard.status === 'assigned') expect(lives.get(shard.leader)).toBe(shard.leaderNodeEpoch)
      else expect(shard.replicas.filter((replica) => lives.has(replica))).toEqual([])
    }
    return results.some(({ changed }) => changed.length > 0)
  }

  #freeze(kind: 'freeze' | 'thaw', at: Key): boolean {
    const page = this.pages.find((each) => rangeContains(each, at))
    if (page === undefined) return false
    const next = kind === 'freeze' ? freezePage(page, operationId('t'), revision(1)) : thawPage(page)
    this.write(this.pages.map((each) => (each === page ? next : each)))
    for (const [index, shard] of next.shards.entries()) {
      const before = page.shards[index]
      // A token tells whether its shard is frozen: no two pages with one token may differ in it.
      if (next !== page) expect(shard.epoch).toBeGreaterThan(before?.epoch ?? shard.epoch)
    }
    return next !== page
  }

  #change(at: Key, change: (page: Page, id: ShardId) => PageDecision | undefined): boolean {
    const page = this.pages.find((each) => rangeContains(each, at))
    const shard = page?.shards.findLast(({ start }) => start <= at)
    if (page === undefined || shard === undefined) return false
    const changed = change(page, shard.shardId)
    if (changed?.ok !== true || changed.page === page) return false
    this.write(this.pages.map((each) => (each === page ? changed.page : each)))
    return true
  }
}

test('T3, T4, T5, T6, T7, T8, T9: pages keep them through every sequence of splits, merges, crashes, hand-overs and moves', () => {
  const happened = new Map<string, number>()
  fc.assert(
    fc.property(fc.oneof(events(0, 8), events(30, 60), events(30, 60)), (drawn) => {
      const world = new World()
      world.command({ kind: 'create-keyspace', keyspace, owner: eu, standbys: [] })
      for (const each of drawn) world.take(each)
      world.take({ kind: 'adopt' })
      const current = world.map.list(keyspace).filter((range) => range.owner === eu && range.status === 'active')
      expect(world.pages.map(({ rangeId: id, generation: gen }) => `${id} ${gen}`)).toEqual(
        current.map(({ rangeId: id, generation: gen }) => `${id} ${gen}`),
      )
      for (const kind of world.happened) happened.set(kind, (happened.get(kind) ?? 0) + 1)
    }),
    { numRuns: 400 },
  )
  // A generator whose events change nothing would prove nothing.
  for (const kind of [
    'split',
    'merge',
    'assign',
    'open',
    'adopt',
    'fail-over',
    'hand-over',
    'freeze',
    'thaw',
    'begin-move',
    'join-move',
    'finish-move',
  ]) {
    expect(happened.get(kind), kind).toBeGreaterThan(5)
  }
})

/** One page of two shards under range 1, generation 4, and what a wrong step makes of it. */
function violationOf(wrong: (page: Page) => readonly Page[]): string | undefined {
  const checker = new InvariantChecker(alphabet)
  const [range] = rangesOf('1:-#4!')
  if (range === undefined) throw new Error('no range')
  expect(checker.observeRanges([range])).toBeUndefined()
  const opened = openPage(range, [keyOfText('d')], nodesOf('a@a b@b c@c'), 3, NONE)
  if (!opened.ok) throw opened.error
  expect(checker.observePages(eu, [opened.page])).toBeUndefined()
  const second = failOver(opened.page, nodesOf('a@a- b@b c@c')).page
  expect(checker.observePages(eu, [second])).toBeUndefined()
  return checker.observePages(eu, wrong(second))
}

function withShard(page: Page, change: (shard: AssignedShard) => Shard): Page[] {
  const [first, ...rest] = page.shards
  if (first?.status !== 'assigned') throw new Error('no assigned shard')
  return [{ ...page, shards: [change(first), ...rest] }]
}

const one: RangeId = rangeId(1)
const other: NodeId = nodeId('c')

test.each<[string, (page: Page) => readonly Page[], RegExp]>([
  ['nothing wrong', (page) => [page], /^undefined$/],
  [
    'another leader under the same epoch (T3)',
    (page) => withShard(page, (shard) => ({ ...shard, leader: other })),
    /^T3: shard 1\.0 g4\.e2/,
  ],
  [
    'another life of the leader under the same epoch (T3)',
    (page) => withShard(page, (shard) => ({ ...shard, leaderNodeEpoch: nodeEpoch(9) })),
    /^T3: shard 1\.0 g4\.e2/,
  ],
  [
    'an epoch that falls (T4)',
    (page) => withShard(page, (shard) => ({ ...shard, leader: nodeId('a'), epoch: epoch(1) })),
    /^T4: shard 1\.0 g4 went from epoch 2 to 1/,
  ],
  ['a generation never committed (T5)', (page) => [{ ...page, generation: generation(5) }], /^T5: .*never committed/],
  ['bounds never committed (T5)', (page) => [{ ...page, end: keyOfText('h') }], /^T5: .*never committed/],
  [
    'the id of another shard (T6)',
    (page) => withShard(page, (shard) => ({ ...shard, shardId: shardId(one, 1), epoch: epoch(3) })),
    /^T6: shard 1\.1 was/,
  ],
  ['a lost page (T6)', () => [], /^T6: shard 1\.0 is gone/],
  ['a lost first shard (T7)', (page) => [{ ...page, shards: page.shards.slice(1) }], /^T7: shard 1\.1 starts at d/],
  ['shards in the wrong order (T7)', (page) => [{ ...page, shards: page.shards.toReversed() }], /^T7/],
  [
    'a replica twice (T8)',
    (page) => withShard(page, (shard) => ({ ...shard, replicas: [...shard.replicas, other] })),
    /^T8/,
  ],
  [
    'another set of replicas under the same epoch (T9)',
    (page) => withShard(page, (shard) => ({ ...shard, replicas: [shard.leader, nodeId('x'), nodeId('y')] })),
    /^T9: shard 1\.0 g4\.e2 counts/,
  ],
  [
    'another set of replicas at once (T9)',
    (page) =>
      withShard(page, (shard) => ({ ...shard, epoch: epoch(3), replicas: [shard.leader, nodeId('x'), nodeId('y')] })),
    /^T9: shard 1\.0 went from/,
  ],
  [
    'a set that comes back without the joint one (T9)',
    (page) =>
      withShard(page, (shard) => ({ ...shard, epoch: epoch(3), change: { kind: 'joint', prior: [nodeId('x')] } })),
    /^T9: shard 1\.0 went from/,
  ],
  [
    'a leader that is no replica (T8)',
    (page) => withShard(page, (shard) => ({ ...shard, leader: nodeId('x') })),
    /^T8/,
  ],
])('the checker sees %s', (_, wrong, violation) => {
  expect(String(violationOf(wrong))).toMatch(violation)
})

test('the checker sees a page opened anew under ids that were used (T6)', () => {
  const violation = violationOf(() => {
    const [range] = rangesOf('1:-#4!')
    if (range === undefined) throw new Error('no range')
    const again = openPage(range, [keyOfText('f')], nodesOf('b@b c@c d@d'), 3, NONE)
    if (!again.ok) throw again.error
    return [{ ...again.page, shards: again.page.shards.map((shard) => ({ ...shard, epoch: epoch(9) })) }]
  })
  expect(violation).toMatch(/^T6: shard 1\.0 was \[, d\) and is \[, f\)/)
})
