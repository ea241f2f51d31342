import type { HistoryEvent } from '../../history/event.ts'
import type { RequestTier } from '../../history/request-event.ts'
import { registersOf } from '../linearizable.ts'
import type { RegisterOperation } from './register-operation.ts'

/**
 * One operation as Porcupine's `Operation` has it, for a model of registers that do one thing at a time, each `''` at first:
 *
 * ```json
 * {"register":"cities/k","clientId":0,"input":{"f":"write","value":"=a","expected":""},"call":10,"output":{"value":""},"return":20}
 * ```
 *
 * - `register`: partition by it; registers are independent.
 * - `clientId`: from 0, by the order of first calls; an operation of unknown outcome has one of its own, because its client
 *   went on while it may still be under way.
 * - `input.f`: `read`, `write` or `cas`; `value` is what is written, `expected` what a `cas` has to find.
 * - `output.value`: what a read found; else empty.
 * - `call`, `return`: nanoseconds, whole numbers. A `return` of null: the outcome is unknown. Replace it by a time after all
 *   others; where the model's step cannot happen at any time, such as a `cas` that found something else, let it be a step
 *   without effect, because an unknown operation may also never have happened.
 */
export interface PorcupineOperation {
  readonly register: string
  readonly clientId: number
  readonly input: { readonly f: 'read' | 'write' | 'cas'; readonly value: string; readonly expected: string }
  readonly call: number
  readonly output: { readonly value: string }
  readonly return: number | null
}

/** The operations that `checkLinearizable` judges, one JSON object per line, so that another program can judge them too. */
export function exportForPorcupine(history: readonly HistoryEvent[], tier: RequestTier): string {
  const ids = new Map<string, number>()
  const idOf = (client: string): number => {
    const known = ids.get(client)
    if (known !== undefined) return known
    ids.set(client, ids.size)
    return ids.size - 1
  }
  const lines: string[] = []
  for (const [register, operations] of registersOf(history, tier)) {
    for (const operation of operations) {
      const clientId = idOf(operation.returnedAt === Infinity ? `unknown ${operation.name}` : operation.client)
      lines.push(JSON.stringify(ofOperation(register, clientId, operation)))
    }
  }
  return lines.map((line) => `${line}\n`).join('')
}

function ofOperation(
  register: string,
  clientId: number,
  { action, calledAt, returnedAt }: RegisterOperation,
): PorcupineOperation {
  const read = action.f === 'read'
  return {
    register,
    clientId,
    input: { f: action.f, value: read ? '' : action.value, expected: action.f === 'cas' ? action.expected : '' },
    call: calledAt,
    output: { value: read ? action.value : '' },
    return: returnedAt === Infinity ? null : returnedAt,
  }
}
