/** One operation on one register, as seen from outside. Times in nanoseconds of one clock. */
export interface RegisterOperation {
  /** For people: who asked, and which of their requests it was. */
  readonly name: string
  readonly client: string
  readonly calledAt: number
  /** Infinity: its outcome is unknown, so it may take effect at any time after the call, or never. */
  readonly returnedAt: number
  readonly action: RegisterAction
}

/** Values are marks; empty stands for a register that holds nothing. */
export type RegisterAction =
  | { readonly f: 'read'; readonly value: string }
  | { readonly f: 'write'; readonly value: string }
  /** Takes effect only where the register holds `expected`. */
  | { readonly f: 'cas'; readonly expected: string; readonly value: string }

/** What the register holds after `action`; undefined if the action cannot have happened on `held`. */
export function applied(held: string, action: RegisterAction): string | undefined {
  switch (action.f) {
    case 'read':
      return action.value === held ? held : undefined
    case 'write':
      return action.value
    case 'cas':
      return action.expected === held ? action.value : undefined
  }
}
