import { describe, expect, it } from 'vitest'
import { backoffMs, LoopScope, silentLogger, systemClock } from './index.ts'
import { ManualClock } from './testing.ts'

describe('backoff', () => {
  it('doubles between its bounds and scatters over the upper half', () => {
    const policy = { delayMsMin: 10, delayMsMax: 100 }
    expect([0, 1, 2, 3, 4, 50].map((attempt) => backoffMs(policy, attempt, () => 1))).toEqual([
      10, 20, 40, 80, 100, 100,
    ])
    expect([0, 4].map((attempt) => backoffMs(policy, attempt, () => 0))).toEqual([5, 50])
  })
})

describe('clocks', () => {
  it('the system clock rejects a cut sleep with the reason given', async () => {
    const controller = new AbortController()
    const sleeping = systemClock.sleep(60_000, controller.signal)
    controller.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
  })

  it('the manual clock wakes sleepers in order of their wake times', async () => {
    const clock = new ManualClock()
    const woken: number[] = []
    const all = [30, 10, 20].map(async (ms) => {
      await clock.sleep(ms)
      woken.push(clock.nowMs())
    })
    await clock.advance(15)
    expect(woken).toEqual([10])
    await clock.advance(15)
    await Promise.all(all)
    expect(woken).toEqual([10, 20, 30])
  })
})

describe('LoopScope', () => {
  it('ends its loops on disposal and reports one that throws', async () => {
    const failures: string[] = []
    const scope = new LoopScope(silentLogger, (name) => failures.push(name))
    let ended = false
    scope.start('waits', async (signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      ended = true
    })
    scope.start('throws', () => Promise.reject(new Error('lost')))
    await new Promise((resolve) => setImmediate(resolve))
    await scope[Symbol.asyncDispose]()
    await scope[Symbol.asyncDispose]()
    expect({ ended, failures }).toEqual({ ended: true, failures: ['throws'] })
  })
})
