import { cpus, totalmem } from 'node:os'
import type { JudgedClaim } from '../checkers/claims.ts'

export interface ActReport {
  readonly name: string
  readonly shows: string
  readonly tookMs: number
  /** Why it ended early, `CODE: text`; absent when it was played to its end. */
  readonly failure?: string
  readonly figures: Readonly<Record<string, unknown>>
}

/** All that `--json` prints: one document. */
export interface DemoReport {
  readonly report: 'meridian-demo'
  /** 0 when every verdict is valid and every act was played to its end. */
  readonly exit: number
  readonly tookMs: number
  /** What picked the samples; the same seed picks the same places of the same input. */
  readonly seed: number
  readonly history: string
  readonly machine: { readonly cpus: number; readonly cpu: string; readonly memoryBytes: number; readonly node: string }
  readonly acts: readonly ActReport[]
  readonly verdicts: readonly JudgedClaim[]
}

export function machine(): DemoReport['machine'] {
  const processors = cpus()
  return {
    cpus: processors.length,
    cpu: processors[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.version,
  }
}

/** Fractions beyond a thousandth are noise, and 64-bit counters are no JSON numbers. */
export function formatReport(report: DemoReport): string {
  const plain = (_: string, value: unknown): unknown => {
    if (typeof value === 'bigint') return value.toString()
    return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toFixed(3)) : value
  }
  return `${JSON.stringify(report, plain, 2)}\n`
}
