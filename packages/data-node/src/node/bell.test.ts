import { ManualClock } from '@meridian/loop/testing'
import { describe, expect, it } from 'vitest'
import { Bell } from './bell.ts'

const never = new AbortController().signal

describe('Bell', () => {
  it('ends a wait at once, also one that begins after the ring', async () => {
    const bell = new Bell(new ManualClock())
    const waiting = bell.wait(60_000, never)
    bell.ring()
    await waiting
    bell.ring()
    await bell.wait(60_000, never)
  })

  it('cuts what is under way, after which nobody waits', async () => {
    const bell = new Bell(new ManualClock())
    const cut = bell.during(
      never,
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    bell.ring()
    expect(await cut).toBeUndefined()
    await bell.wait(60_000, never)
  })

  it('leaves alone what ends by itself, and passes on what fails', async () => {
    const bell = new Bell(new ManualClock())
    bell.ring()
    expect(await bell.during(never, () => Promise.resolve(7))).toBe(7)
    await expect(bell.during(never, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    const over = AbortSignal.abort(new Error('over'))
    await expect(bell.during(over, () => Promise.reject(new Error('no')))).rejects.toThrow('over')
  })
})
