import { ManualClock } from '@meridian/loop/testing'
import { describe, expect, it } from 'vitest'
import { EtcdEndpoint } from './endpoint.ts'
import { Endpoints } from './endpoints.ts'

describe('which server to ask', () => {
  it('is the nearest that has not failed lately, else the one that failed longest ago', async () => {
    const clock = new ManualClock()
    // Nothing is dialled before a call.
    const [a, b, c] = ['a', 'b', 'c'].map((host) => new EtcdEndpoint(`http://${host}.test:1`, undefined, false))
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were made')
    const endpoints = new Endpoints([a, b, c], clock, () => 1)
    const order = () =>
      endpoints
        .order()
        .map(({ url }) => url.charAt(7))
        .join('')
    expect(order()).toBe('abc')
    endpoints.failed(a)
    expect(order()).toBe('bca')
    await clock.advance(100)
    endpoints.failed(b)
    expect(order()).toBe('cab')
    endpoints.failed(c)
    await clock.advance(399)
    endpoints.failed(a)
    expect(order()).toBe('bca')
    await clock.advance(101)
    expect(order()).toBe('bca')
    endpoints.answered(a)
    expect(order()).toBe('abc')
    endpoints.close()
  })
})
