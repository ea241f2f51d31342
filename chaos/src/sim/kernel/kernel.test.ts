import { describe, expect, it } from 'vitest'
import { Machine } from './machine.ts'
import { SimProcess } from './process.ts'
import { SimRandom } from './random.ts'
import { Scheduler } from './scheduler.ts'

function world(seed = 1) {
  const scheduler = new Scheduler(new SimRandom(seed))
  const machine = new Machine(scheduler, 'm', 500, 0)
  const life = new SimProcess('p', 'node', 'r', machine, seed).begin()
  return { scheduler, machine, life }
}

describe('virtual time', () => {
  it('passes from event to event, and settles every promise before the next', async () => {
    const { scheduler, life } = world()
    const seen: string[] = []
    const loop = async (): Promise<void> => {
      for (let round = 0; round < 3; round++) {
        await life.clock.sleep(10)
        await Promise.resolve().then(() => Promise.resolve())
        seen.push(`woken ${scheduler.nowMs}`)
      }
    }
    void loop()
    scheduler.after(20, 'x', () => seen.push(`event ${scheduler.nowMs}`))
    await scheduler.run(25)
    expect(seen.toSorted()).toEqual(['event 20', 'woken 10', 'woken 20'])
    expect(scheduler.nowMs).toBe(25)
  })

  it('orders what is due at one instant by the seed', async () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 20; seed++) {
      const scheduler = new Scheduler(new SimRandom(seed))
      let order = ''
      for (const name of ['a', 'b', 'c']) scheduler.after(5, name, () => (order += name))
      await scheduler.run(10)
      orders.add(order)
    }
    expect(orders.size).toBeGreaterThan(3)
  })

  it('leaves the same trace for the same seed, and another for another', async () => {
    const traceOf = async (seed: number): Promise<string> => {
      const { scheduler, life } = world(seed)
      for (let at = 0; at < 10; at++) scheduler.after(life.random.next() * 10, `e${at}`, () => {})
      await scheduler.run(20)
      return scheduler.trace.value
    }
    expect(await traceOf(7)).toBe(await traceOf(7))
    expect(await traceOf(7)).not.toBe(await traceOf(8))
  })
})

describe('a machine', () => {
  const afterSleep = async (bend: (machine: Machine, scheduler: Scheduler) => void): Promise<number> => {
    const { scheduler, machine, life } = world()
    let wokenMs = Number.NaN
    void life.clock.sleep(1000).then(() => (wokenMs = scheduler.nowMs))
    bend(machine, scheduler)
    await scheduler.run(10_000)
    return wokenMs
  }

  it('wakes later in true time when its clock is slow, and not before the clock shows it when the rate changes', async () => {
    expect(await afterSleep((machine) => machine.setRate(0.5))).toBeCloseTo(2000)
    const changed = await afterSleep((machine, scheduler) => scheduler.after(500, 'rate', () => machine.setRate(0.5)))
    expect(changed).toBeCloseTo(1500)
  })

  it('wakes nobody while its clock stands; the wall goes on only if the freeze is seen', async () => {
    expect(
      await afterSleep((machine, scheduler) => {
        machine.freeze('unseen')
        scheduler.after(3000, 'thaw', () => machine.thaw())
      }),
    ).toBeCloseTo(4000)
    for (const [how, gone] of [
      ['seen', 3000],
      ['unseen', 0],
    ] as const) {
      const { scheduler, machine } = world()
      const [wall, mono] = [machine.wall.nowMs(), machine.nowMs()]
      machine.freeze(how)
      await scheduler.run(3000)
      expect([machine.wall.nowMs() - wall, machine.nowMs() - mono]).toEqual([gone, 0])
    }
  })

  it('ends with its life: nothing that was to come comes', async () => {
    const { scheduler, life } = world()
    const seen: string[] = []
    void life.clock.sleep(10).then(() => seen.push('woken'))
    scheduler.after(5, 'kill', () => life.end())
    await scheduler.run(100)
    expect(seen).toEqual([])
  })

  it('keeps what comes to a stopped process until it goes on', async () => {
    const { scheduler, life } = world()
    const seen: number[] = []
    void life.clock.sleep(10).then(() => seen.push(scheduler.nowMs))
    life.stop()
    scheduler.after(50, 'go on', () => life.resume(scheduler))
    await scheduler.run(100)
    expect(seen).toEqual([50])
  })
})
