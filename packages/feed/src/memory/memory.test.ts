import { ManualClock } from '@meridian/loop/testing'
import { describe, expect, it } from 'vitest'
import { feedConformance } from '../conformance/feed-conformance.ts'
import type { FeedWorld } from '../conformance/feed-world.ts'
import { MemoryBus } from './memory-bus.ts'
import { MemoryBusShim } from './memory-bus-shim.ts'

const TURN_MS = 5
const UNTIL_MS_MAX = 30_000

/** One bus for all and time that passes only when somebody waits: fast, and the same from one seed. */
function memoryWorld(): Promise<FeedWorld> {
  const clock = new ManualClock()
  const hub = new MemoryBus()
  return Promise.resolve({
    clock,
    rounds: 25,
    // A connection of its own must not close the others'.
    open: () => Promise.resolve(new MemoryBusShim({ inner: connectionOf(hub), clock, random: () => 0 })),
    until: async (what, probe, diagnose = () => '') => {
      const untilMs = clock.nowMs() + UNTIL_MS_MAX
      while (!probe()) {
        if (clock.nowMs() >= untilMs) throw new Error(`${what}: not in ${UNTIL_MS_MAX} ms\n${diagnose()}`)
        await clock.advance(TURN_MS)
      }
    },
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  })
}

function connectionOf(hub: MemoryBus): MemoryBus {
  const connection = new MemoryBus()
  connection.publish = (subject, payload) => hub.publish(subject, payload)
  connection.subscribe = (subject, handler) => hub.subscribe(subject, handler)
  return connection
}

feedConformance('memory', memoryWorld)

describe('the shim', () => {
  it('loses, repeats and reorders by its probabilities, the same from one seed', async () => {
    const run = async (): Promise<string> => {
      const clock = new ManualClock()
      let state = 1
      const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
      const faults = { lose: 0.2, repeat: 0.2, delay: 0.5, delayMsMax: 50 }
      await using shim = new MemoryBusShim({ inner: new MemoryBus(), clock, random, faults })
      const seen: number[] = []
      await using _ = await shim.subscribe('s', (payload) => void seen.push(payload[0] ?? -1))
      for (let i = 0; i < 50; i++) {
        shim.publish('s', Uint8Array.of(i))
        await clock.advance(5)
      }
      await clock.advance(50)
      expect(shim.underWay).toBe(0)
      expect(shim.counters.delivered).toBe(seen.length)
      expect(seen.length).toBe(50 - shim.counters.lost + shim.counters.repeated)
      expect(Math.min(shim.counters.lost, shim.counters.repeated, shim.counters.delayed)).toBeGreaterThan(0)
      expect(seen.some((value, index) => value < (seen[index - 1] ?? value))).toBe(true)
      return seen.join(' ')
    }
    expect(await run()).toBe(await run())
  })
})
