import { describe, expect, it } from 'vitest'
import { Surplus, SURPLUS_SOURCES_MAX } from './surplus.ts'

describe('what commits take beyond their floors', () => {
  it('is the mean over all commits of all who told, each by its newest word', () => {
    const surplus = new Surplus()
    expect(surplus.ms).toBeUndefined()
    surplus.told('a', [
      { count: 3, p50Ms: 104, floorMs: 100 },
      { count: 1, p50Ms: 208, floorMs: 200 },
    ])
    expect(surplus.ms).toBe(5)
    surplus.told('b', [{ count: 4, p50Ms: 71, floorMs: 70 }])
    expect(surplus.ms).toBe(3)
    surplus.told('a', [{ count: 12, p50Ms: 105, floorMs: 100 }])
    expect(surplus.ms).toBe(4)
  })

  it('forgets who has counted nothing yet, such as a server that started anew', () => {
    const surplus = new Surplus()
    surplus.told('a', [{ count: 1, p50Ms: 3, floorMs: 1 }])
    surplus.told('a', [])
    expect(surplus.ms).toBeUndefined()
  })

  it('hears of a bounded number of servers', () => {
    const surplus = new Surplus()
    for (let i = 0; i <= SURPLUS_SOURCES_MAX; i += 1) {
      surplus.told(`s${i}`, [{ count: 1, p50Ms: i === SURPLUS_SOURCES_MAX ? 1e6 : 2, floorMs: 1 }])
    }
    expect(surplus.ms).toBe(1)
  })
})
