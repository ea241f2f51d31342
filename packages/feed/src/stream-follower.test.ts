import { silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { GLOBAL_STREAM, incarnation, MeridianError, revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { FeedBus } from './bus.ts'
import { StreamHistory } from './conformance/stream-history.ts'
import { FETCH_MS_MAX, SUBSCRIBE_WAIT_MS } from './follower-state.ts'
import { MemoryBus } from './memory/memory-bus.ts'
import type { Snapshot } from './snapshot.ts'
import { StreamFollower } from './stream-follower.ts'
import type { StreamFollowerOptions } from './stream-follower.ts'
import { StreamPublisher } from './stream-publisher.ts'

const clock = (): ManualClock => new ManualClock()

function followerOf(options: Partial<StreamFollowerOptions> & Pick<StreamFollowerOptions, 'clock' | 'source'>) {
  return new StreamFollower({
    stream: GLOBAL_STREAM,
    bus: new MemoryBus(),
    log: silentLogger,
    random: () => 0,
    ...options,
  })
}

function publisherOf(history: StreamHistory, bus: FeedBus, time: ManualClock): StreamPublisher {
  const publisher = new StreamPublisher({
    stream: history.stream,
    incarnation: history.head.incarnation,
    bus,
    clock: time,
    stamp: () => String(time.nowMs()).padStart(12, '0'),
    publisher: 'publisher',
    log: silentLogger,
  })
  publisher.start(history.snapshotAt())
  return publisher
}

function historyOf(commits: number): StreamHistory {
  const history = new StreamHistory(GLOBAL_STREAM)
  for (let i = 0; i < commits; i++) history.commit([{ key: `/range/${i}`, value: Buffer.from('1') }])
  return history
}

describe('StreamFollower', () => {
  it('lives on snapshots alone when its bus never subscribes', async () => {
    const time = clock()
    const history = historyOf(3)
    const bus: FeedBus = {
      connected: false,
      publish: () => {},
      subscribe: () => new Promise(() => {}),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    await using follower = followerOf({
      bus,
      clock: time,
      source: { fetch: () => Promise.resolve(history.snapshotAt()) },
    })
    await time.advance(SUBSCRIBE_WAIT_MS)
    await follower.synced
    expect(follower.position).toEqual(history.head)
    history.commit([{ key: '/range/later', value: Buffer.from('1') }])
    await time.advance(4_000)
    expect(follower.position).toEqual(history.head)
    expect(follower.ageMs()).toBeLessThan(4_000)
  })

  it('F5: fetches once at a time, gives up a fetch that hangs, and ignores what it still brings', async () => {
    const time = clock()
    const history = historyOf(3)
    const fetches: { signal: AbortSignal; answer: (snapshot: Snapshot) => void }[] = []
    await using follower = followerOf({
      clock: time,
      source: {
        fetch: (_stream, signal) => new Promise((answer) => void fetches.push({ signal, answer })),
      },
    })
    await time.advance(1)
    follower.requestResync('again')
    await time.advance(10_000)
    expect(fetches).toHaveLength(1)
    await time.advance(FETCH_MS_MAX)
    expect(fetches.map(({ signal }) => signal.aborted)).toEqual([true, false])
    fetches[0]?.answer(history.snapshotAt())
    await time.advance(1)
    expect(follower.state).toBe('fetching')
    fetches[1]?.answer(history.snapshotAt())
    await time.advance(1)
    expect(follower.position).toEqual(history.head)
  })

  it('takes no snapshot whose digest is not that of its records, and alarms', async () => {
    const time = clock()
    const history = historyOf(3)
    let good = false
    await using follower = followerOf({
      clock: time,
      source: {
        fetch: () => Promise.resolve(good ? history.snapshotAt() : { ...history.snapshotAt(), digest: 'f'.repeat(16) }),
      },
    })
    await time.advance(1)
    expect([follower.counters.alarms, follower.state]).toEqual([1, 'waiting'])
    good = true
    await time.advance(1_000)
    await follower.synced
    expect(follower.view.digest).toBe(history.snapshotAt().digest)
  })

  it('lets a callback ask for a resync, after the event it is in', async () => {
    const time = clock()
    const history = historyOf(1)
    const bus = new MemoryBus()
    const seen: string[] = []
    await using follower: StreamFollower = followerOf({
      bus,
      clock: time,
      source: { fetch: () => Promise.resolve(history.snapshotAt()) },
      onApplied: (changes, position) => {
        seen.push(`${changes.length} at ${position.revision}, view at ${follower.view.position.revision}`)
        follower.requestResync('suspicious')
      },
      onResync: (position) => void seen.push(`resync ${position.revision}`),
    })
    await using publisher = publisherOf(history, bus, time)
    await time.advance(10)
    publisher.update(history.commit([{ key: '/range/x', value: Buffer.from('1') }]).revision, [
      { key: '/range/x', value: Buffer.from('1') },
    ])
    await time.advance(1)
    expect([...seen, follower.state]).toEqual(['resync 2', '1 at 3, view at 3', 'waiting'])
  })

  it('keeps its records while the source is down, however long the silence', async () => {
    const time = clock()
    const history = historyOf(3)
    let up = true
    await using follower = followerOf({
      clock: time,
      source: {
        fetch: () =>
          up ? Promise.resolve(history.snapshotAt()) : Promise.reject(new MeridianError('UNAVAILABLE', 'down')),
      },
    })
    await time.advance(1)
    up = false
    await time.advance(60_000)
    expect(follower.view.records.size).toBe(3)
    expect(follower.ageMs()).toBeGreaterThan(59_000)
  })
})

describe('StreamPublisher', () => {
  it('refuses what would make its chain a lie', async () => {
    const time = clock()
    const history = historyOf(3)
    await using publisher = publisherOf(history, new MemoryBus(), time)
    const change = [{ key: '/range/x', value: undefined }]
    expect(() => publisher.update(history.head.revision, change)).toThrow('F1')
    const earlier = { ...history.head, revision: revision(2) }
    expect(() => publisher.start(history.snapshotAt(earlier))).toThrow('F3')
    const foreign = { ...history.snapshotAt(), position: { incarnation: incarnation(9), revision: revision(9) } }
    expect(() => publisher.start(foreign)).toThrow('incarnation')
  })

  it('passes over a revision that changes nothing, and begins anew further on when told to', async () => {
    const time = clock()
    const history = historyOf(3)
    const bus = new MemoryBus()
    await using follower = followerOf({
      bus,
      clock: time,
      source: { fetch: () => Promise.resolve(history.snapshotAt()) },
    })
    await using publisher = publisherOf(history, bus, time)
    await time.advance(10)
    history.pass(4)
    publisher.update(history.head.revision, [])
    expect(publisher.counters).toEqual({ updates: 0, beacons: 1, oversized: 0 })
    history.commit([{ key: '/range/unseen', value: Buffer.from('1') }])
    publisher.start(history.snapshotAt())
    await time.advance(1)
    await time.advance(1_000)
    expect([follower.position, follower.counters.resyncs]).toEqual([history.head, 1])
  })

  it('tells by its beacons how long ago it knew the head', async () => {
    const time = clock()
    const history = historyOf(3)
    const bus = new MemoryBus()
    await using follower = followerOf({
      bus,
      clock: time,
      source: { fetch: () => Promise.resolve(history.snapshotAt()) },
    })
    await using publisher = publisherOf(history, bus, time)
    await time.advance(1)
    await follower.synced
    await time.advance(2_499)
    // Nobody knew more than the snapshot that was fetched within the first two milliseconds.
    expect(2_500 - follower.ageMs()).toBeLessThanOrEqual(2)
    publisher.headKnown(2_400)
    await time.advance(600)
    expect(follower.ageMs()).toBe(700)
  })
})
