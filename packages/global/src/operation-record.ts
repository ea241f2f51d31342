import { createHash } from 'node:crypto'
import { decodeRange, encodeRange } from '@meridian/topology'
import type { OwnershipCommand, RangeDescriptor } from '@meridian/topology'

/** What a mutation left behind under its operation id: enough to answer the same call again. */
export interface OperationRecord {
  /** Tells a repeated call from another call under the same id. */
  readonly fingerprint: string
  /** Wall milliseconds of the stamp it was committed with; the janitor goes by it. */
  readonly wallMs: number
  /** The descriptors it put. */
  readonly ranges: readonly RangeDescriptor[]
}

/** 32 hex digits over the command as it was asked; two commands that differ in anything differ in it. */
export function fingerprintOf(command: OwnershipCommand): string {
  const text = JSON.stringify(command, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

export function encodeOperation(record: OperationRecord): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      fingerprint: record.fingerprint,
      wallMs: record.wallMs,
      ranges: record.ranges.map((range) => Buffer.from(encodeRange(range)).toString()),
    }),
  )
}

/** @throws Error on bytes that this code did not write: corruption, not a request error */
export function decodeOperation(bytes: Uint8Array): OperationRecord {
  const parsed: unknown = JSON.parse(Buffer.from(bytes).toString())
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    !('fingerprint' in parsed && typeof parsed.fingerprint === 'string') ||
    !('wallMs' in parsed && typeof parsed.wallMs === 'number') ||
    !('ranges' in parsed && Array.isArray(parsed.ranges))
  ) {
    throw new Error('an operation record does not decode')
  }
  return {
    fingerprint: parsed.fingerprint,
    wallMs: parsed.wallMs,
    ranges: parsed.ranges.map((text: unknown) => decodeRange(Buffer.from(String(text)))),
  }
}
