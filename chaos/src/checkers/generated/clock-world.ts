import fc from 'fast-check'
import type { HistoryEntry, HistoryEvent } from '../../history/event.ts'
import { DEFAULT_CONSTANTS } from '../../history/run-event.ts'
import { numbered } from './timeline.ts'

/** How a hybrid clock may be wrong. */
export type ClockBug = 'none' | 'no-merge' | 'no-bound' | 'no-ceiling'

const STEP = fc.record({
  what: fc.constantFrom('stamp', 'send', 'send', 'send', 'restart', 'jump'),
  from: fc.integer({ min: 0, max: 2 }),
  to: fc.integer({ min: 1, max: 2 }),
  passes: fc.integer({ min: 0, max: 40 }),
  /** Where a wall clock jumps to, from the true time. */
  off: fc.integer({ min: -2000, max: 2000 }),
})
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never

export const clockSteps = fc.array(STEP, { minLength: 10, maxLength: 60 })

const WINDOW_MS = 200

interface Process {
  readonly name: string
  pinc: number
  offMs: number
  wallMs: number
  counter: number
  ceilingMs: number
}

/** Three processes that stamp, send, restart, and whose wall clocks jump. A clock of its own, not the one under test. */
class ClockWorld {
  readonly #bug: ClockBug
  readonly #events: HistoryEvent[] = []
  readonly #processes: readonly Process[] = ['a', 'b', 'c'].map((name) => ({
    name,
    pinc: 1,
    offMs: 0,
    wallMs: 0,
    counter: 0,
    ceilingMs: 0,
  }))
  #trueMs = 100_000
  #messages = 0

  constructor(bug: ClockBug) {
    this.#bug = bug
  }

  get events(): HistoryEvent[] {
    return numbered(this.#events)
  }

  step({ what, from, to, passes, off }: Step): void {
    this.#trueMs += passes
    const sender = this.#processes[from]
    const receiver = this.#processes[(from + to) % this.#processes.length]
    if (sender === undefined || receiver === undefined) return
    if (what === 'jump') sender.offMs = off
    if (what === 'restart') this.#restart(sender)
    if (what === 'stamp') this.#stamp(sender, '')
    if (what !== 'send') return
    const message = `m${(this.#messages += 1)}`
    this.#receive(receiver, message, this.#stamp(sender, message))
  }

  #pt({ offMs }: Process): number {
    return this.#trueMs + offMs
  }

  /** What was in memory is gone; only the ceiling was durable, and stamps with its very millisecond were issued. */
  #restart(process: Process): void {
    process.pinc += 1
    process.wallMs = this.#bug === 'no-ceiling' ? 0 : process.ceilingMs + 1
    process.counter = 0
  }

  #advance(process: Process, atLeast: { readonly wallMs: number; readonly counter: number }): void {
    const pt = this.#pt(process)
    const own = { wallMs: process.wallMs, counter: process.counter }
    const wallMs = Math.max(own.wallMs, atLeast.wallMs, pt)
    const counters = [own, atLeast].flatMap((each) => (each.wallMs === wallMs ? [each.counter] : []))
    process.counter = counters.length === 0 ? 0 : Math.max(...counters) + 1
    process.wallMs = wallMs
    if (this.#bug === 'no-ceiling' || process.wallMs <= process.ceilingMs) return
    process.ceilingMs = process.wallMs + WINDOW_MS
    this.#tell(process, { kind: 'hlc.ceil', ceilingMs: process.ceilingMs })
  }

  #stamp(process: Process, message: string): Process {
    this.#advance(process, { wallMs: 0, counter: 0 })
    this.#tell(process, { kind: 'hlc.stamp', stamp: text(process), ptMs: this.#pt(process), message })
    return { ...process }
  }

  #receive(process: Process, message: string, theirs: Process): void {
    const ptMs = this.#pt(process)
    if (this.#bug !== 'no-bound' && theirs.wallMs - ptMs > DEFAULT_CONSTANTS.leadMs) {
      this.#tell(process, { kind: 'hlc.refuse', message, theirs: text(theirs), ptMs })
      return
    }
    this.#advance(process, this.#bug === 'no-merge' ? { wallMs: 0, counter: 0 } : theirs)
    this.#tell(process, { kind: 'hlc.recv', message, theirs: text(theirs), stamp: text(process), ptMs })
  }

  #tell({ name, pinc }: Process, entry: HistoryEntry): void {
    this.#events.push({ t: this.#events.length * 1000, proc: name, pinc, seq: 0, act: '', ...entry })
  }
}

const text = ({ name, wallMs, counter }: Process): string =>
  `${wallMs.toString(16).padStart(12, '0')}${counter.toString(16).padStart(4, '0')}-${name}`

export function playClocks(steps: readonly Step[], bug: ClockBug): HistoryEvent[] {
  const world = new ClockWorld(bug)
  for (const step of steps) world.step(step)
  return world.events
}
