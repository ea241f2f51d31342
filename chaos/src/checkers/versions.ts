import type { Answered, Operation } from './operations.ts'
import type { Findings } from './verdict.ts'
import { sign } from './witnessed.ts'

/** What a register held from `idx` on. */
export interface Version {
  readonly idx: bigint
  /** Empty: nothing. */
  readonly value: string
}

/**
 * Follows one register through the positions of its log.
 *
 * @param known its versions, in any order
 * @param whole whether these are all there were; else writes of unknown outcome may have come between
 */
export class RegisterVersions {
  readonly #versions: readonly Version[]
  readonly #whole: boolean
  readonly #maybe: readonly Operation[]

  constructor(known: readonly Version[], whole: boolean, operations: readonly Operation[]) {
    this.#versions = known.toSorted((a, b) => sign(a.idx - b.idx))
    this.#whole = whole
    this.#maybe = operations.filter(({ status, f }) => status === 'unknown' && f !== 'read')
  }

  get conflicts(): readonly string[] {
    return this.#versions.flatMap((version, i) => {
      const before = this.#versions[i - 1]
      return before !== undefined && before.idx === version.idx && before.value !== version.value
        ? [`both ${told(before.value)} and ${told(version.value)} at ${version.idx}`]
        : []
    })
  }

  /** What the register held after everything up to `idx`. */
  at(idx: bigint): Version | undefined {
    return this.#versions.findLast((version) => version.idx <= idx)
  }

  /** Whether `value` can have been there at `idx`, as far as somebody knew at `time`. */
  mayHold(value: string, idx: bigint, time: number): boolean {
    if ((this.at(idx)?.value ?? '') === value) return true
    return !this.#whole && this.#maybe.some((write) => write.value === value && write.calledAt <= time)
  }
}

/** Each answered read returned what the register held at the position it names; each replacement found what it expected. */
export function checkAgainstVersions(
  name: string,
  operations: readonly Answered[],
  versions: RegisterVersions,
  findings: Findings,
): void {
  for (const conflict of versions.conflicts) findings.violation(`${name} was ${conflict}`)
  for (const { name: request, f, mode, idx, value, expected, returnedAt } of operations) {
    if (f === 'read' && mode !== 'stale' && !versions.mayHold(value, idx, returnedAt)) {
      const { value: held = '', idx: since = 0n } = versions.at(idx) ?? {}
      findings.violation(
        `${request} read ${told(value)} from ${name} at ${idx}, which held ${told(held)} since ${since}`,
      )
    }
    if (f === 'cas' && !versions.mayHold(expected, idx - 1n, returnedAt)) {
      const { value: held = '' } = versions.at(idx - 1n) ?? {}
      findings.violation(`${request} replaced ${told(expected)} in ${name} at ${idx}, which held ${told(held)}`)
    }
  }
}

const told = (value: string): string => (value === '' ? 'nothing' : value)
