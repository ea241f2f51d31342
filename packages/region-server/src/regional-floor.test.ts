import { silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import { MeridianError } from '@meridian/topology'
import { expect, it, onTestFinished } from 'vitest'
import { RegionalFloor } from './regional-floor.ts'

/** A tier that answers a read after each of `readsMs` in turn, and a disk likewise; undefined is a failure. */
async function measured(readsMs: readonly (number | undefined)[], fsyncsMs: readonly (number | undefined)[]) {
  const clock = new ManualClock()
  const cluster = new MemoryCluster({ clock })
  const memory = new MemoryStore(cluster)
  let [reads, fsyncs] = [0, 0]
  const store = Object.create(memory, {
    list: {
      value: async () => {
        const tookMs = readsMs[reads++ % readsMs.length]
        if (tookMs === undefined) throw new MeridianError('UNAVAILABLE', 'away')
        await clock.sleep(tookMs)
      },
    },
  }) as MemoryStore
  const fsync = () => {
    const tookMs = fsyncsMs[fsyncs++ % fsyncsMs.length]
    return tookMs === undefined ? Promise.reject(new Error('EIO')) : Promise.resolve(tookMs)
  }
  const floor = new RegionalFloor({ store, fsync, clock, log: silentLogger })
  const stop = new AbortController()
  const running = floor.run(stop.signal)
  onTestFinished(async () => {
    stop.abort()
    await clock.advance(10_000)
    await running
    await cluster[Symbol.asyncDispose]()
  })
  return { floor, seconds: (count: number) => clock.advance(1000 * count) }
}

it('is the fastest confirmed read and the fastest fsync of the last minute, for each commit', async () => {
  const { floor, seconds } = await measured([3, 1, 2], [0.5, undefined, 0.25])
  expect(floor.commits(1)).toEqual({ floorMs: undefined, reason: 'the tier and the disk have not been measured yet' })
  for (let second = 0; second < 20; second += 1) await seconds(1)
  expect(floor.commits(1)).toEqual({ floorMs: 1.25, reason: 'confirmed read 1.00 ms + fsync 0.25 ms' })
  expect(floor.commits(2)).toEqual({
    floorMs: 2.5,
    reason: '2 commits of: confirmed read 1.00 ms + fsync 0.25 ms',
  })
})

it('is not known of a tier that has not answered', async () => {
  const { floor, seconds } = await measured([undefined], [0.5])
  for (let second = 0; second < 10; second += 1) await seconds(1)
  expect(floor.commits(1).floorMs).toBeUndefined()
})

it('tells for how long the tier has confirmed nothing', async () => {
  const { floor, seconds } = await measured([100, undefined, undefined, 100], [0.5])
  await seconds(1)
  expect(floor.answerAgeMs()).toBe(900)
  for (let second = 1; second < 6; second += 1) await seconds(1)
  expect(floor.answerAgeMs()).toBe(5900)
  await seconds(1)
  expect(floor.answerAgeMs()).toBeLessThan(1000)
})
