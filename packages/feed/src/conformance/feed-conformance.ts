import { seedOf } from '@meridian/testkit'
import { incarnation, MapDigest } from '@meridian/topology'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MESSAGE_BYTES_MAX } from '../bus.ts'
import { encodeBeacon } from '../feed-message.ts'
import { NO_FAULTS } from '../memory/memory-bus-shim.ts'
import { feedSubject } from '../subject.ts'
import { BEACON_EVERY_MS, FeedRig } from './feed-rig.ts'
import type { FeedWorld } from './feed-world.ts'

/** What every bus has to give, and that publishers and followers are right over it. Run inside a vitest file. */
export function feedConformance(name: string, makeWorld: () => Promise<FeedWorld>): void {
  describe(`feed conformance: ${name}`, () => {
    let world: FeedWorld
    beforeAll(async () => {
      world = await makeWorld()
    })
    afterAll(async () => {
      await world[Symbol.asyncDispose]()
    })
    const rigOf = (test: string): FeedRig => new FeedRig(world, seedOf(test))

    describe('the bus', () => {
      it('delivers to every subscriber of the subject, in order, and to nobody else', async () => {
        await using rig = rigOf('delivers')
        const [sender, near, far] = [await rig.bus('sender'), await rig.bus('near'), await rig.bus('far')]
        const seen: string[] = []
        const hear = (who: string) => (payload: Uint8Array) => void seen.push(who + Buffer.from(payload).toString())
        await using _near = await near.subscribe('meridian.test.a', hear('near '))
        await using _far = await far.subscribe('meridian.test.a', hear('far '))
        await using _other = await far.subscribe('meridian.test.b', hear('other '))
        for (const text of ['1', '2', '3']) sender.publish('meridian.test.a', Buffer.from(text))
        await world.until('six messages', () => seen.length >= 6)
        expect(seen.filter((text) => text.startsWith('near'))).toEqual(['near 1', 'near 2', 'near 3'])
        expect(seen.filter((text) => text.startsWith('far'))).toEqual(['far 1', 'far 2', 'far 3'])
        expect(seen).toHaveLength(6)
      })

      it('delivers nothing to a subscription that ended', async () => {
        await using rig = rigOf('ended')
        const bus = await rig.bus('both')
        const seen: string[] = []
        const ended = await bus.subscribe('meridian.test.c', () => void seen.push('ended'))
        await using _open = await bus.subscribe('meridian.test.c', () => void seen.push('open'))
        await ended[Symbol.asyncDispose]()
        bus.publish('meridian.test.c', Buffer.of(1))
        await world.until('one message', () => seen.length > 0)
        expect(seen).toEqual(['open'])
      })

      it('carries the largest message and refuses a larger one', async () => {
        await using rig = rigOf('largest')
        const bus = await rig.bus('both')
        const sizes: number[] = []
        await using _open = await bus.subscribe('meridian.test.d', (payload) => void sizes.push(payload.length))
        bus.publish('meridian.test.d', new Uint8Array(MESSAGE_BYTES_MAX))
        expect(() => bus.publish('meridian.test.d', new Uint8Array(MESSAGE_BYTES_MAX + 1))).toThrow(RangeError)
        await world.until('the message', () => sizes.length > 0)
        expect(sizes).toEqual([MESSAGE_BYTES_MAX])
      })

      it('is connected until it is closed, and closing it twice is closing it once', async () => {
        const bus = await world.open('closing')
        expect(bus.connected).toBe(true)
        await Promise.all([bus[Symbol.asyncDispose](), bus[Symbol.asyncDispose]()])
        bus.publish('meridian.test.e', Buffer.of(1))
      })
    })

    describe('publisher and follower', () => {
      it('a follower gets what is committed, without a resync', async () => {
        await using rig = rigOf('converge')
        await rig.publisher('publisher')
        const { follower, checker } = await rig.syncedFollower('router')
        const last = [1, 2, 3, 4, 5].map(() => rig.commit()).at(-1) ?? rig.history.head
        await follower.waitFor(last, AbortSignal.timeout(5_000))
        await rig.converged()
        expect(checker.violations).toEqual([])
        expect(follower.counters).toMatchObject({ resyncs: 0, alarms: 0 })
        expect(follower.ageMs()).toBeLessThan(5_000)
      })

      it('one that joins late begins at a snapshot and goes on from there', async () => {
        await using rig = rigOf('late')
        await rig.publisher('publisher')
        for (let i = 0; i < 10; i++) rig.commit()
        const { follower } = await rig.syncedFollower('late')
        rig.commit()
        await rig.converged()
        expect(rig.violations).toEqual([])
        expect(follower.counters.resyncs).toBe(0)
      })

      it('two publishers at once are duplicates of each other', async () => {
        await using rig = rigOf('two publishers')
        await rig.publisher('one')
        const { follower } = await rig.syncedFollower('router')
        rig.commit()
        rig.history.pass(3)
        await rig.publisher('two')
        for (let i = 0; i < 5; i++) rig.commit()
        await rig.converged()
        await world.until(
          'duplicates',
          () => follower.counters.duplicates >= 5,
          () => rig.describe(),
        )
        expect(rig.violations).toEqual([])
        expect(follower.counters).toMatchObject({ alarms: 0 })
      })

      it('a publisher that follows another at once costs no resync', async () => {
        await using rig = rigOf('succession')
        const first = await rig.publisher('first')
        const { follower } = await rig.syncedFollower('router')
        rig.commit()
        await rig.converged()
        await rig.stop(first)
        rig.history.pass(2)
        await rig.publisher('second')
        await rig.converged()
        rig.commit()
        await rig.converged()
        expect(rig.violations).toEqual([])
        expect(follower.counters).toMatchObject({ resyncs: 0, alarms: 0 })
      })

      it('what was committed between two publishers comes by resync', async () => {
        await using rig = rigOf('restart')
        const first = await rig.publisher('first')
        const { follower } = await rig.syncedFollower('router')
        rig.commit([{ key: '/node/a', value: Buffer.from('1') }])
        await rig.converged()
        await rig.stop(first)
        rig.commit([{ key: '/node/a', value: Buffer.from('2') }])
        await rig.publisher('second')
        await rig.converged()
        expect(rig.violations).toEqual([])
        expect(follower.counters).toMatchObject({ resyncs: 1, alarms: 0 })
      })

      it('a restored store is followed from its new incarnation on, though its revisions fell', async () => {
        await using rig = rigOf('restored')
        const before = await rig.publisher('before')
        const { follower } = await rig.follower('router')
        for (let i = 0; i < 6; i++) rig.commit()
        await rig.converged()
        const backup = rig.history.head.revision
        for (let i = 0; i < 4; i++) rig.commit()
        await rig.converged()
        await rig.stop(before)
        rig.history.restore(backup)
        await rig.publisher('after')
        rig.commit()
        await rig.converged()
        expect(rig.violations).toEqual([])
        expect(follower.position.incarnation).toBe(incarnation(2))
      })

      it('an update too large for the bus comes by resync', async () => {
        await using rig = rigOf('oversized')
        const publisher = await rig.publisher('publisher')
        const { follower } = await rig.syncedFollower('router')
        rig.commit([{ key: '/node/large', value: Buffer.alloc(MESSAGE_BYTES_MAX) }])
        rig.commit()
        await rig.converged()
        expect(rig.violations).toEqual([])
        expect(publisher.counters.oversized).toBe(1)
        expect(follower.counters.resyncs).toBeGreaterThan(0)
      })

      it('a wrong digest is alarming, empties the view and is repaired', async () => {
        await using rig = rigOf('digest')
        const publisher = await rig.publisher('publisher')
        const checked = await rig.follower('router')
        rig.commit([{ key: '/node/a', value: Buffer.from('1') }])
        await rig.converged()
        const wrong = new MapDigest()
        wrong.toggle('/node/a', Buffer.from('2'))
        const { position } = publisher
        const payload = encodeBeacon(
          { stream: rig.history.stream, stamp: '', publisher: 'forger' },
          { position, digest: wrong.value, lagMs: 0 },
        )
        const bus = await rig.bus('forger')
        bus.publish(feedSubject(rig.history.stream), payload)
        await world.until(
          'the alarm',
          () => checked.follower.counters.alarms > 0,
          () => rig.describe(),
        )
        await rig.converged()
        expect(checked.discards).toBe(1)
        expect(checked.follower.counters).toMatchObject({ alarms: 1, resyncs: 1 })
        expect(rig.violations).toEqual([])
      })

      it('bytes that are no message are dropped', async () => {
        await using rig = rigOf('bytes')
        await rig.publisher('publisher')
        const { follower } = await rig.syncedFollower('router')
        const bus = await rig.bus('noise')
        bus.publish(feedSubject(rig.history.stream), Buffer.from('noise'))
        bus.publish(feedSubject(rig.history.stream), new Uint8Array(0))
        rig.commit()
        await rig.converged()
        await world.until(
          'two drops',
          () => follower.counters.dropped === 2,
          () => rig.describe(),
        )
      })

      it('polls the source when the bus is silent', async () => {
        await using rig = rigOf('silence')
        await rig.publisher('publisher')
        const { follower, shim } = await rig.syncedFollower('router')
        shim.faults = { ...NO_FAULTS, lose: 1 }
        rig.commit([{ key: '/node/a', value: Buffer.from('unheard') }])
        await rig.converged()
        expect(follower.counters.resyncs).toBeGreaterThan(0)
        expect(rig.violations).toEqual([])
      })

      it('whoever waits is told of the end', async () => {
        await using rig = rigOf('waits')
        await rig.publisher('publisher')
        rig.sourceUp = false
        const { follower } = await rig.follower('router')
        expect(follower.ageMs()).toBe(Infinity)
        const waiting = follower.waitFor(rig.history.head)
        const given = new AbortController()
        const cut = follower.waitFor(rig.history.head, given.signal)
        given.abort(new Error('no longer'))
        await expect(cut).rejects.toThrow('no longer')
        const closed = follower[Symbol.asyncDispose]()
        await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' })
        await expect(follower.synced).rejects.toMatchObject({ code: 'UNAVAILABLE' })
        await closed
      })
    })

    it('property: whatever the bus does, positions rise, each state is the replay, and followers converge', async () => {
      for (let round = 0; round < world.rounds; round++) {
        const seed = seedOf(`faults ${round}`)
        await using rig = new FeedRig(world, seed)
        await rig.publisher('publisher')
        for (const router of ['router a', 'router b']) {
          const { shim } = await rig.follower(router)
          shim.faults = {
            lose: rig.random.pick([0.05, 0.2, 0.5]),
            repeat: rig.random.pick([0.05, 0.3]),
            delay: rig.random.pick([0.1, 0.5]),
            delayMsMax: 150,
          }
        }
        for (let i = 0; i < 30; i++) {
          rig.commit()
          rig.sourceUp = rig.random.int(4) > 0
          if (rig.random.int(20) === 0) await rig.publisher(`publisher ${i}`)
          await rig.pause(40)
        }
        for (const { shim } of rig.followers) shim.faults = NO_FAULTS
        rig.sourceUp = true
        await rig.converged()
        // Late messages and one more beacon change nothing any more.
        await world.until('nothing is under way', () => rig.followers.every(({ shim }) => shim.underWay === 0))
        await rig.pause(2 * BEACON_EVERY_MS)
        await rig.converged()
        expect({ seed, violations: rig.violations }).toEqual({ seed, violations: [] })
        expect(rig.followers.map(({ follower }) => follower.counters.alarms)).toEqual([0, 0])
      }
    })
  })
}
