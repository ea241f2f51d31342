import { applied } from './register-operation.ts'
import type { RegisterOperation } from './register-operation.ts'

export type SearchOutcome =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  | { readonly verdict: 'not-linearizable'; readonly steps: number }
  /** The budget ran out first. */
  | { readonly verdict: 'unknown'; readonly steps: number }

/** A moment of the history: an operation's call, or its return. The list holds those of operations not placed yet. */
interface Moment {
  readonly operation: number
  readonly call: boolean
  previous: Moment | undefined
  next: Moment | undefined
  /** Of a call: its return, if it returned. */
  readonly match: Moment | undefined
}

/**
 * Whether some order of the operations explains all answers: each takes effect at one instant between its call and its
 * return, on a register that holds `initial` at first. Operations without a return may be left out.
 *
 * Wing and Gong's search with Lowe's memory: walk along the moments; a call may be placed next if it can have happened
 * on what the register holds; at a return of something that is not placed, take back the last placement. A set of placed
 * operations with a value that was met before leads nowhere new. Exponential at worst, so it ends after `stepsMax`.
 */
export function searchLinearization(
  operations: readonly RegisterOperation[],
  initial: string,
  stepsMax: number,
): SearchOutcome {
  const head = listOf(operations)
  let due = operations.filter(({ returnedAt }) => returnedAt !== Infinity).length
  const placed = new Placed(operations.length)
  const met = new Set<string>()
  const stack: { readonly call: Moment; readonly held: string }[] = []
  let held = initial
  let steps = 0
  let at = head.next
  while (due > 0) {
    if (steps >= stepsMax) return { verdict: 'unknown', steps }
    steps += 1
    if (at?.call === true) {
      const { operation } = at
      const action = operations[operation]?.action
      const next = action === undefined ? undefined : applied(held, action)
      if (next !== undefined && isNew(met, placed.with(operation), next)) {
        stack.push({ call: at, held })
        placed.add(operation)
        held = next
        if (at.match !== undefined) due -= 1
        lift(at)
        at = head.next
      } else {
        at = at.next
      }
      continue
    }
    // A return of what is not placed, or, at the end of the list, nothing left to try.
    const last = stack.pop()
    if (last === undefined) return { verdict: 'not-linearizable', steps }
    const { call } = last
    held = last.held
    placed.remove(call.operation)
    if (call.match !== undefined) due += 1
    unlift(call)
    at = call.next
  }
  return { verdict: 'linearizable', steps }
}

function isNew(met: Set<string>, placed: string, held: string): boolean {
  const state = `${placed}${held}`
  if (met.has(state)) return false
  met.add(state)
  return true
}

/** Calls before returns at the same instant: two operations that touch in time count as concurrent. */
function listOf(operations: readonly RegisterOperation[]): Moment {
  const moments: { readonly at: number; readonly moment: Moment }[] = []
  for (const [operation, { calledAt, returnedAt }] of operations.entries()) {
    const blank = { operation, previous: undefined, next: undefined, match: undefined }
    const match: Moment | undefined = returnedAt === Infinity ? undefined : { ...blank, call: false }
    moments.push({ at: calledAt, moment: { ...blank, call: true, match } })
    if (match !== undefined) moments.push({ at: returnedAt, moment: match })
  }
  moments.sort((a, b) => a.at - b.at || Number(b.moment.call) - Number(a.moment.call))
  const head: Moment = { operation: -1, call: false, previous: undefined, next: undefined, match: undefined }
  let last = head
  for (const { moment } of moments) {
    moment.previous = last
    last.next = moment
    last = moment
  }
  return head
}

function lift(call: Moment): void {
  unlink(call)
  if (call.match !== undefined) unlink(call.match)
}

/** In the opposite order of `lift`, so that each finds its neighbours as it left them. */
function unlift(call: Moment): void {
  if (call.match !== undefined) relink(call.match)
  relink(call)
}

function unlink(moment: Moment): void {
  if (moment.previous !== undefined) moment.previous.next = moment.next
  if (moment.next !== undefined) moment.next.previous = moment.previous
}

function relink(moment: Moment): void {
  if (moment.previous !== undefined) moment.previous.next = moment
  if (moment.next !== undefined) moment.next.previous = moment
}

const BITS = 16

/** A set of operations whose text is unique, as key of the memory: one character for every 16 operations. */
class Placed {
  readonly #words: Uint16Array

  constructor(size: number) {
    this.#words = new Uint16Array(Math.ceil(size / BITS))
  }

  add(operation: number): void {
    const word = Math.floor(operation / BITS)
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (operation % BITS))
  }

  remove(operation: number): void {
    const word = Math.floor(operation / BITS)
    this.#words[word] = (this.#words[word] ?? 0) & ~(1 << (operation % BITS))
  }

  /** Of this set and one more. Fixed width, so a value may follow without a separator. */
  with(operation: number): string {
    this.add(operation)
    const text = String.fromCharCode(...this.#words)
    this.remove(operation)
    return text
  }
}
