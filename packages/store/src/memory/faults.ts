import type { Txn } from '../store.ts'
import type { Bell } from './bell.ts'

/**
 * - `unavailable`: nothing happens, and the caller is told so.
 * - `unknown-before`: a write is lost on its way there; the caller cannot know.
 * - `unknown-after`: a write is done and its answer lost; the caller cannot know.
 *
 * Reads are UNAVAILABLE under each of them.
 */
export type MemoryFault = 'unavailable' | 'unknown-before' | 'unknown-after'

export type MemoryCall =
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'list'; readonly prefix: string }
  | { readonly kind: 'txn'; readonly txn: Txn }
  | { readonly kind: 'grant-lease' | 'renew-lease' | 'revoke-lease' | 'status' | 'members' | 'move-leader' }

/** The bad luck of one client; other clients of the cluster do not notice. */
export class MemoryFaults {
  /** Asked about every call that nothing else decides: a simulation draws from its seed here. */
  decide: ((call: MemoryCall) => MemoryFault | undefined) | undefined
  readonly #bell: Bell
  #isolated: MemoryFault | undefined
  #planned: { readonly kind: MemoryCall['kind']; readonly fault: MemoryFault }[] = []
  #cuts = 0

  constructor(bell: Bell) {
    this.#bell = bell
  }

  get isolated(): boolean {
    return this.#isolated !== undefined
  }

  /** How often the watches were cut so far. */
  get cuts(): number {
    return this.#cuts
  }

  /** Until `heal`, no call and no watch gets through; each call meets `fault`. */
  isolate(fault: MemoryFault = 'unknown-before'): void {
    this.#isolated = fault
    this.#bell.ring()
  }

  heal(): void {
    this.#isolated = undefined
    this.#bell.ring()
  }

  /** The next call of that kind meets `fault`; several plans are used up in order. */
  next(fault: MemoryFault, kind: MemoryCall['kind'] = 'txn'): void {
    this.#planned.push({ kind, fault })
  }

  /** Every open watch loses its connection once and finds another. */
  cutWatches(): void {
    this.#cuts += 1
    this.#bell.ring()
  }

  of(call: MemoryCall): MemoryFault | undefined {
    if (this.#isolated !== undefined) return this.#isolated
    const index = this.#planned.findIndex((plan) => plan.kind === call.kind)
    if (index >= 0) return this.#planned.splice(index, 1)[0]?.fault
    return this.decide?.(call)
  }
}
