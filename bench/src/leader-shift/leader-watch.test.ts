import { MeridianError } from '@meridian/topology'
import { expect, it } from 'vitest'
import { manualClock } from '../latency-tax/fixtures/manual-clock.ts'
import { LeaderWatch } from './leader-watch.ts'

it('notes each move with what the placer had said, through moments in which nobody leads', async () => {
  const clock = manualClock()
  let leader: string | undefined = 'a'
  let reason = 'b would cost less'
  const watch = new LeaderWatch({
    leader: () =>
      leader === undefined ? Promise.reject(new MeridianError('UNAVAILABLE', 'nobody')) : Promise.resolve(leader),
    explain: () => Promise.resolve({ leader: 'a', decision: '', reason, expectedMs: () => 70 }),
    clock,
  })
  const stop = new AbortController()
  const running = watch.run(stop.signal)
  await clock.advance(600)
  expect(watch).toMatchObject({ leader: 'a', moves: [] })
  leader = undefined
  await clock.advance(500)
  leader = 'b'
  reason = 'b is the cheapest'
  await clock.advance(250)
  expect(watch.moves).toEqual([{ source: 'a', target: 'b', leftMs: 500, arrivedMs: 1250, reason: 'b would cost less' }])
  expect(watch.explained?.reason).toBe('b is the cheapest')
  stop.abort()
  await clock.advance(250)
  await running
})

it('does not hide a bug', async () => {
  const clock = manualClock()
  const watch = new LeaderWatch({
    leader: () => Promise.reject(new TypeError('oops')),
    explain: () => Promise.reject(new Error('not asked')),
    clock,
  })
  await expect(watch.look(new AbortController().signal)).rejects.toThrow('oops')
})
