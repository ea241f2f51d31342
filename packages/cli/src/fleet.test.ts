import { EventEmitter } from 'node:events'
import type { Operation } from '@meridian/protocol'
import { ManualClock } from '@meridian/loop/testing'
import { EMPTY_KEY, MeridianError, operationId, regionId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { FleetClient } from './fleet.ts'
import { runFleet } from './fleet.ts'
import type { FleetState } from './fleet-core.ts'
import { followTransfer } from './following.ts'
import { operationSample, plannedSample, rangeSample } from './operation-samples.ts'
import { plannedOf } from './print/planned.ts'
import { recordedProgram } from './recorded-run.ts'

/** A context whose clock moves by itself as soon as everybody waits for it. */
function running() {
  const clock = new ManualClock()
  const { program, stderr } = recordedProgram({ clock, signals: new EventEmitter() })
  const context = program.context()
  return {
    context,
    clock,
    stderr,
    until: async <T>(work: Promise<T>): Promise<T> => {
      let over = false
      const end = (): void => {
        over = true
      }
      work.then(end, end)
      for (let turns = 0; !over; turns += 1) {
        if (turns > 5000) throw new Error(`not over after ${clock.nowMs()} ms; ${clock.sleeping} asleep`)
        await clock.advance(100)
      }
      return work
    },
  }
}

/** Servers that carry out transfers, one phase per look. */
class Transfers implements FleetClient {
  readonly begun: string[] = []
  readonly #phases = new Map<string, string[]>()
  readonly #found = new Map<string, Operation>()
  readonly failures: MeridianError[] = []
  flyingMax = 0

  readonly #way: readonly string[]

  constructor(way: readonly string[] = ['follow', 'freeze', 'clean', 'done']) {
    this.#way = way
  }

  readonly operations: FleetClient['operations'] = {
    transfer: (operation, { target }) => {
      const failure = this.failures.shift()
      if (failure !== undefined) return Promise.reject(failure)
      this.begun.push(operation)
      const found = operationSample({ operation, target })
      this.#found.set(operation, found)
      this.#phases.set(operation, [...this.#way])
      const flying = [...this.#found.values()].filter(({ ended }) => !ended).length
      this.flyingMax = Math.max(this.flyingMax, flying)
      return Promise.resolve(found)
    },
    get: (operation) => {
      const failure = this.failures.shift()
      if (failure !== undefined) return Promise.reject(failure)
      const found = this.#found.get(operation) ?? operationSample({ operation })
      const phase = this.#phases.get(operation)?.shift() ?? found.phase
      const next = { ...found, phase, ended: phase === 'done' || phase === 'aborted', note: `it is in ${phase}` }
      this.#found.set(operation, next)
      return Promise.resolve(next)
    },
  }

  readonly control: FleetClient['control'] = {
    assign: () => Promise.reject(new Error('nothing is vacant here')),
  }
}

const order = (target: string) => ({ ...rangeSample(1), key: EMPTY_KEY, target: regionId(target), reason: '' })

const options = (count: number, concurrency: number, states: FleetState[] = []) => ({
  plan: plannedOf(Array.from({ length: count }, (_, at) => plannedSample(at + 1))),
  concurrency,
  operationOf: ({ rangeId }: { rangeId: number }) => `evacuate:us:run:${rangeId}`,
  reason: 'upgrade',
  onState: (state: FleetState) => void states.push(state),
})

describe('a fleet of transfers', () => {
  it('moves all of them, so many at a time', async () => {
    const { context, until } = running()
    const servers = new Transfers()
    const states: FleetState[] = []
    const end = await until(runFleet(context, servers, options(7, 3, states)))
    expect(end.moved).toHaveLength(7)
    expect(servers.begun).toHaveLength(7)
    expect(servers.flyingMax).toBe(3)
    expect(states.at(-1)).toBe(end)
  })

  it('asks again when nobody answers, and begins nothing twice under two names', async () => {
    const { context, until, stderr } = running()
    const servers = new Transfers()
    servers.failures.push(
      new MeridianError('OUTCOME_UNKNOWN', 'no answer'),
      new MeridianError('UNAVAILABLE', 'nobody there'),
    )
    const end = await until(runFleet(context, servers, options(1, 1)))
    expect(end.moved).toHaveLength(1)
    expect(new Set(servers.begun)).toEqual(new Set(['evacuate:us:run:1']))
    expect(stderr.join('')).toContain('no answer, asking again: OUTCOME_UNKNOWN')
  })

  it('leaves what a server refuses, and follows what another has begun', async () => {
    const { context, until } = running()
    const servers = new Transfers()
    servers.failures.push(new MeridianError('GENERATION_MISMATCH', 'it is 9'))
    const refused = await until(runFleet(context, servers, options(1, 1)))
    expect(refused.left).toMatchObject([{ reason: 'GENERATION_MISMATCH: it is 9' }])

    const others = await servers.operations.transfer(operationId('theirs'), order('ap'))
    servers.failures.push(new MeridianError('RANGE_BUSY', 'moving', { details: { operation: others.operation } }))
    const joined = await until(runFleet(context, servers, options(1, 1)))
    expect(joined.moved).toMatchObject([{ operation: 'theirs', target: 'ap' }])
  })

  it('ends at an interrupt, whatever is on its way', async () => {
    const { context, until } = running()
    const servers = new Transfers(Array.from({ length: 1000 }, () => 'follow'))
    const work = runFleet(context, servers, options(3, 2))
    context.interrupts.stop('enough')
    await expect(until(work)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('a transfer that is followed', () => {
  it('is told phase by phase until it ended', async () => {
    const { context, until, stderr } = running()
    const servers = new Transfers()
    const begun = await servers.operations.transfer(operationId('cli-1'), order('eu'))
    const progress = await until(followTransfer(context, servers.operations, begun, 0))
    expect(progress.operation.phase).toBe('done')
    expect(progress.frozenMsMax).toBe(200)
    expect(stderr).toEqual([
      '    0 ms  prepare\n',
      '  100 ms  follow     it is in follow\n',
      '  200 ms  freeze     it is in freeze\n',
      '  300 ms  clean      it is in clean\n',
      '  400 ms  done       it is in done\n',
    ])
  })

  it('is looked for no longer than the patience of the command', async () => {
    const { context, until, clock } = running()
    const nobody = { get: () => Promise.reject(new MeridianError('UNAVAILABLE', 'nobody there')) }
    await expect(until(followTransfer(context, nobody, operationSample(), 0))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(clock.nowMs()).toBeGreaterThanOrEqual(context.options.timeoutMs)
  })
})
