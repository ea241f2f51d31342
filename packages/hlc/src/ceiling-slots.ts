import { isWallMs } from './timestamp.ts'

/**
 * Two copies of a ceiling in one file that is overwritten in place: whatever a crash leaves of the one that was being
 * written, the other is whole. Each is a line of text with a checksum, alone in its sector.
 */
export const SLOT_BYTES = 512
export const SLOTS = 2

const LINE_PATTERN = /^hlc-ceiling ([0-9]{15}) ([0-9a-f]{8})\n {474}\n$/

export interface CeilingSlots {
  /** Greater of those that are whole. */
  readonly ceilingMs: number
  /** Where the next write goes: never over the copy that counts. */
  readonly next: number
}

/** The content of one slot, `SLOT_BYTES` long. */
export function encodeSlot(ceilingMs: number): Uint8Array {
  const digits = String(ceilingMs).padStart(15, '0')
  const line = `hlc-ceiling ${digits} ${checksum(digits)}\n`
  return Buffer.from(`${line}${' '.repeat(SLOT_BYTES - line.length - 1)}\n`, 'latin1')
}

/** Undefined when neither slot is whole. */
export function decodeSlots(content: Uint8Array): CeilingSlots | undefined {
  const values = Array.from({ length: SLOTS }, (_, slot) =>
    decodeSlot(content.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)),
  )
  const whole = values.filter((value) => value !== undefined)
  if (whole.length === 0) return undefined
  const ceilingMs = Math.max(...whole)
  const next = values.findIndex((value) => value !== ceilingMs)
  return { ceilingMs, next: next < 0 ? 0 : next }
}

function decodeSlot(slot: Uint8Array): number | undefined {
  const [, digits, sum] = LINE_PATTERN.exec(Buffer.from(slot).toString('latin1')) ?? []
  if (digits === undefined || sum !== checksum(digits)) return undefined
  const ceilingMs = Number(digits)
  return isWallMs(ceilingMs) ? ceilingMs : undefined
}

/** FNV-1a, 32 bits: what is looked for is a slot of which two writes have a part each, and no malice. */
function checksum(text: string): string {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
