import { describe, expect, it } from 'vitest'
import { ACT_NAMES, actsToPlay } from './acts.ts'
import { DeafBus } from './deaf-bus.ts'
import { inParallel } from './in-parallel.ts'
import { sampleOf, seededRandom } from './seeded-random.ts'

describe('acts', () => {
  it('are all played when none is asked for', () => {
    expect(actsToPlay(undefined).map(({ name }) => name)).toEqual(ACT_NAMES.slice(1, -1))
  })

  it.each([
    { asked: ['up'], played: [] },
    { asked: ['load'], played: ['load'] },
    { asked: ['tax', 'stale'], played: ['load', 'stale', 'tax'] },
  ])('$asked need $played', ({ asked, played }) => {
    expect(actsToPlay(asked).map(({ name }) => name)).toEqual(played)
  })

  it('that nobody knows are refused', () => {
    expect(() => actsToPlay(['encore'])).toThrow(/"encore" is no act: up, load/)
  })
})

describe('a sample', () => {
  it('is the same for the same seed, and has nothing twice', () => {
    const items = Array.from({ length: 100 }, (_, i) => i)
    const sample = sampleOf(items, 20, seededRandom(7))
    expect(sampleOf(items, 20, seededRandom(7))).toEqual(sample)
    expect(new Set(sample).size).toBe(20)
    expect(sampleOf(items, 20, seededRandom(8))).not.toEqual(sample)
    expect([...sampleOf(items, 200, seededRandom(7))].toSorted((a, b) => a - b)).toEqual(items)
    expect(items[0]).toBe(0)
  })
})

describe('work in parallel', () => {
  const never = new AbortController().signal

  it('is done once for each item and never more at a time than allowed', async () => {
    const done: number[] = []
    let [running, most] = [0, 0]
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, never, async (item) => {
      running += 1
      most = Math.max(most, running)
      await Promise.resolve()
      running -= 1
      done.push(item)
    })
    expect(done.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(most).toBe(3)
  })

  it('ends with the first failure, once nothing is under way', async () => {
    const begun: number[] = []
    const work = inParallel([1, 2, 3, 4, 5, 6], 2, never, async (item) => {
      begun.push(item)
      await Promise.resolve()
      if (item === 2) throw new Error('two')
    })
    await expect(work).rejects.toThrow('two')
    expect(begun.length).toBeLessThan(6)
  })
})

describe('a deaf bus', () => {
  it('delivers until it is deaf', async () => {
    const handlers: ((payload: Uint8Array) => void)[] = []
    const bus = new DeafBus({
      connected: true,
      publish: () => {},
      subscribe: (_, handler) => {
        handlers.push(handler)
        return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() })
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
    const heard: number[] = []
    await bus.subscribe('x', (payload) => heard.push(payload.length))
    for (const handler of handlers) handler(Buffer.from('1'))
    bus.deafen()
    for (const handler of handlers) handler(Buffer.from('22'))
    expect(heard).toEqual([1])
  })
})
