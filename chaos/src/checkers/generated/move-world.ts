import fc from 'fast-check'
import type { HistoryEntry, HistoryEvent } from '../../history/event.ts'
import { Timeline } from './timeline.ts'

/** How a planned transfer may go wrong. */
export type MoveBug =
  | 'none'
  | 'copy-early'
  | 'thaw-first'
  | 'thaw-by-timer'
  | 'blind-commit'
  | 'serve-when-copied'
  | 'forget-to-thaw'
  | 'forget-the-end'

export const movePlans = fc.array(
  fc.record({
    /** Writes before the transfer, and after it was prepared. */
    before: fc.integer({ min: 1, max: 4 }),
    during: fc.integer({ min: 1, max: 4 }),
    aborted: fc.boolean(),
    /** Ticks between two things that happen. */
    pause: fc.integer({ min: 1, max: 50 }),
  }),
  { minLength: 2, maxLength: 6 },
)
export type MovePlan = typeof movePlans extends fc.Arbitrary<infer T> ? T : never

const SHARD = '1.0'
const TICK_NS = 1_000_000
/** More than every bound on liveness. */
const REST_TICKS = 200_000

/** One shard whose range goes back and forth between two regions. The last transfer has the bug. */
class MoveWorld {
  readonly #timeline = new Timeline()
  readonly #bug: MoveBug
  #t = 0
  #gen = 1
  #region = 'eu'
  #last = 0
  #moves = 0
  #rev = 1

  constructor(bug: MoveBug) {
    this.#bug = bug
    this.#tell({ kind: 'run', seed: '1', exact: true, constants: {} })
  }

  transfer({ before, during, aborted, pause }: MovePlan[number], last: boolean): void {
    const bug = last ? this.#bug : 'none'
    const op = `op-${(this.#moves += 1)}`
    const [source, target] = this.#region === 'eu' ? ['eu', 'us'] : ['us', 'eu']
    const [from, to] = [
      { op, shard: SHARD, node: `${source}-n1` },
      { op, shard: SHARD, node: `${target}-n1` },
    ]
    const step = (entry: HistoryEntry): void => {
      this.#t += pause
      this.#tell(entry)
    }
    for (let i = 0; i < before; i += 1) this.#write(pause)
    step({ kind: 'move.prepare', op, what: 'range', range: 1, gen: String(this.#gen), source, target })
    const copied = this.#last
    step({ kind: 'move.follow', ...to, idx: String(copied) })
    for (let i = 0; i < during; i += 1) this.#write(pause)
    const [token, next] = [this.#token, `g${this.#gen + 1}.e1`]
    step({ kind: 'move.freeze', ...from, token })
    this.#last += 1
    const barrier = this.#last
    step({ kind: 'move.barrier', ...from, token, idx: String(barrier) })
    const activate = {
      kind: 'move.activate',
      ...to,
      token: next,
      idx: String(bug === 'copy-early' ? copied : barrier),
    } as const
    if (bug === 'serve-when-copied') step(activate)
    if (bug === 'thaw-first' || bug === 'thaw-by-timer') {
      step({ kind: 'move.thaw', ...from })
      this.#write(pause)
    }
    if (bug === 'forget-the-end') return
    const abort = (): void => step({ kind: 'move.abort', op, range: 1, rev: String((this.#rev += 1)) })
    const commit = (): void =>
      step({ kind: 'move.commit', op, range: 1, gen: String(this.#gen + 1), rev: String((this.#rev += 1)) })
    const ends =
      bug === 'thaw-first' || bug === 'forget-to-thaw' || bug === 'blind-commit' || (aborted && bug === 'none')
    if (ends) {
      abort()
      if (bug === 'blind-commit') commit()
      if (bug === 'forget-to-thaw') return
      if (bug !== 'thaw-first') step({ kind: 'move.thaw', ...from })
      this.#write(pause)
      return
    }
    commit()
    if (bug !== 'serve-when-copied') step(activate)
    this.#gen += 1
    this.#region = target
    this.#write(pause)
  }

  end(): HistoryEvent[] {
    this.#t += REST_TICKS
    this.#tell({ kind: 'act', name: 'rest', phase: 'end' })
    return this.#timeline.history()
  }

  get #token(): string {
    return `g${this.#gen}.e1`
  }

  #write(pause: number): void {
    this.#t += pause
    this.#last += 1
    const own = this.#token
    const where = { node: `${this.#region}-n1`, nodeEpoch: '1', region: this.#region, shard: SHARD, range: 1 }
    this.#tell({ kind: 'node.serve', ...where, token: own, own, mode: 'write-l', idx: String(this.#last) })
  }

  #tell(entry: HistoryEntry): void {
    this.#timeline.at(this.#t * TICK_NS, 'main', entry)
  }
}

export function playMoves(plan: MovePlan, bug: MoveBug): HistoryEvent[] {
  const world = new MoveWorld(bug)
  for (const [i, transfer] of plan.entries()) world.transfer(transfer, i === plan.length - 1)
  return world.end()
}
