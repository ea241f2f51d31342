import { ManualClock } from '@meridian/loop/testing'
import { MeridianError, token } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { AppliedState, ConfirmedIndex } from '../replica/freshness.ts'
import { StaleReads } from './stale-reads.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

interface World {
  readonly clock: ManualClock
  readonly questions: { readonly answer: (confirmed: ConfirmedIndex) => void; readonly fail: () => void }[]
  state: AppliedState
  readonly reads: StaleReads
  readonly read: (maxMs: number) => Promise<unknown>
  readonly apply: (appliedIndex: number, agreed?: Token) => void
}

function world(): World {
  const clock = new ManualClock()
  const questions: World['questions'] = []
  const world: World = {
    clock,
    questions,
    state: { agreed: token(1, 1), appliedIndex: 0 },
    reads: new StaleReads({
      clock,
      state: () => world.state,
      ask: () =>
        new Promise((resolve, reject) => {
          questions.push({ answer: resolve, fail: () => reject(new MeridianError('UNAVAILABLE', 'cut off')) })
        }),
    }),
    /** What a read is answered: its bound, or a code. */
    read: (maxMs: number) =>
      world.reads.within(maxMs).catch((error: unknown) => (error instanceof MeridianError ? error.code : error)),
    apply: (appliedIndex: number, agreed = token(1, 1)) => {
      world.state = { agreed, appliedIndex }
      world.reads.moved()
    },
  }
  return world
}

describe('a stale read', () => {
  it('counts from the moment the leader was asked, once the state has come to what the leader said', async () => {
    const w = world()
    const read = w.read(1_000)
    await w.clock.advance(30)
    w.questions[0]?.answer({ token: token(1, 1), index: 7 })
    await turn()
    w.apply(6)
    await w.clock.advance(20)
    w.apply(7)
    expect(await read).toBe(50)
    await w.clock.advance(900)
    expect(await w.read(1_000)).toBe(950)
    expect(w.questions.length).toBe(1)
  })

  it('asks once for all who wait, and again for whom the answer is too old', async () => {
    const w = world()
    const first = [w.read(100), w.read(100)]
    await w.clock.advance(80)
    const late = w.read(60)
    w.questions[0]?.answer({ token: token(1, 1), index: 0 })
    expect(await Promise.all(first)).toEqual([80, 80])
    await turn()
    expect(w.questions.length).toBe(2)
    await w.clock.advance(10)
    w.questions[1]?.answer({ token: token(1, 1), index: 0 })
    expect(await late).toBe(10)
  })

  it('is refused with the bound known when the leader cannot be asked, and served as long as that is good enough', async () => {
    const w = world()
    const unknown = w.reads.within(500)
    w.questions[0]?.fail()
    await expect(unknown).rejects.toMatchObject({ code: 'TOO_STALE', message: expect.stringContaining('unknown age') })
    const known = w.read(500)
    w.questions[1]?.answer({ token: token(1, 1), index: 0 })
    expect(await known).toBe(0)
    await w.clock.advance(400)
    expect(await w.read(500)).toBe(400)
    await w.clock.advance(200)
    const refused = w.reads.within(500)
    w.questions[2]?.fail()
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('up to 600 ms old') })
  })

  it('does not take an index of one log for an index of another', async () => {
    const w = world()
    const read = w.read(1_000)
    w.apply(9, token(1, 1))
    // The leader of the next generation stands lower: what is applied here is not of its log.
    w.questions[0]?.answer({ token: token(2, 1), index: 5 })
    await turn()
    let answered = false
    void read.then(() => (answered = true))
    await turn()
    expect(answered).toBe(false)
    // The state was replaced by one of that log: the leader is asked anew, for this one may be only on its way.
    w.apply(5, token(2, 1))
    await turn()
    expect([answered, w.questions.length]).toEqual([false, 2])
    w.questions[1]?.answer({ token: token(2, 1), index: 6 })
    await turn()
    expect(answered).toBe(false)
    w.apply(6, token(2, 1))
    expect(await read).toBe(0)
  })

  it('knows nothing any more once its clock has proved wrong', async () => {
    const w = world()
    const read = w.read(100)
    w.questions[0]?.answer({ token: token(1, 1), index: 0 })
    expect(await read).toBe(0)
    w.reads.forget()
    expect(w.reads.stalenessMs).toBe(Number.POSITIVE_INFINITY)
  })
})
