import { MeridianError } from './errors.ts'
import type { ErrorCode } from './errors.ts'
import type { Page } from './page.ts'

export type PageDecision =
  | { readonly ok: true; readonly page: Page }
  | { readonly ok: false; readonly error: MeridianError }

export function refuse(code: ErrorCode, message: string): never {
  throw new MeridianError(code, message)
}

/** A refusal is a result, anything else thrown a broken invariant. */
export function deciding(decide: () => Page): PageDecision {
  try {
    return { ok: true, page: decide() }
  } catch (error) {
    if (error instanceof MeridianError) return { ok: false, error }
    throw error
  }
}
