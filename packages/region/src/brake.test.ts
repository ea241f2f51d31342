import { nodeId } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BRAKE_OFF, braked, isExcessive } from './brake.ts'
import type { Brake } from './brake.ts'

const WAIT_MS = 6000
const EVERY_MS = 10_000
const names = (count: number) => Array.from({ length: count }, (_, index) => nodeId(`n${index}`))
const look = (before: Brake, nowMs: number, silent: number, up: number) =>
  braked(before, { nowMs, silent: names(silent), up, waitMs: WAIT_MS, slowStartEveryMs: EVERY_MS })

describe('the brake', () => {
  it.each([
    [1, 1, false],
    [1, 2, false],
    [2, 2, true],
    [1, 3, false],
    [2, 3, true],
    [2, 4, false],
    [3, 4, true],
    [2, 10, false],
    [3, 10, true],
    [3, 29, true],
    [3, 30, false],
    [3, 40, false],
    [4, 40, false],
    [5, 40, true],
    [100, 1000, false],
    [101, 1000, true],
  ])('%i silent of %i: %s', (lost, of, on) => {
    expect(isExcessive(lost, of)).toBe(on)
  })

  it('lets a few be given up at once, and counts them for W_N', () => {
    const [first, two] = look(BRAKE_OFF, 0, 2, 10)
    expect([first.on, two]).toEqual([undefined, ['n0', 'n1']])
    const [second, none] = look(first, 3000, 1, 8)
    expect([second.on?.sinceMs, none]).toEqual([3000, []])
    const [, one] = look(first, WAIT_MS, 1, 8)
    expect(one).toEqual(['n0'])
  })

  it('gives one up per ten seconds while it is on, and goes off when there are few', () => {
    let brake = BRAKE_OFF
    const fell: [number, number][] = []
    let up = 10
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 500) {
      const silent = Math.max(0, up - 5)
      const [next, given] = look(brake, nowMs, silent, up)
      brake = next
      up -= given.length
      if (given.length > 0) fell.push([nowMs, given.length])
    }
    // Five of ten: one, one, one; then two of seven are an ordinary loss once the third is W_N past.
    expect(fell).toEqual([
      [10_000, 1],
      [20_000, 1],
      [30_000, 1],
      [36_000, 2],
    ])
    expect(brake.on).toBeUndefined()
  })

  it('goes off when the silent come back', () => {
    const [on] = look(BRAKE_OFF, 0, 6, 10)
    expect(on.on).toBeDefined()
    expect(look(on, 500, 0, 10)[0].on).toBeUndefined()
    expect(look(on, 500, 1, 10)).toMatchObject([{ on: undefined }, ['n0']])
  })

  it('never lets more than the bound be given up within W_N, but for one per ten seconds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.record({ ms: fc.integer({ min: 1, max: 4000 }), dies: fc.nat(8), returns: fc.nat(4) }), {
          maxLength: 60,
        }),
        (total, steps) => {
          let brake = BRAKE_OFF
          let nowMs = 0
          let silent = 0
          let up = total
          const fell: number[] = []
          for (const { ms, dies, returns } of steps) {
            nowMs += ms
            silent = Math.max(0, Math.min(up, silent + dies) - returns)
            const [next, given] = look(brake, nowMs, silent, up)
            const before = fell.filter((atMs) => nowMs - atMs < WAIT_MS).length
            brake = next
            if (given.length > 1) expect(isExcessive(before + given.length, up + before)).toBe(false)
            if (given.length === 1 && isExcessive(before + 1, up + before)) {
              expect(nowMs - (fell.at(-1) ?? -Infinity)).toBeGreaterThanOrEqual(EVERY_MS)
            }
            for (const _ of given) fell.push(nowMs)
            up -= given.length
            silent -= given.length
          }
        },
      ),
    )
  })
})
