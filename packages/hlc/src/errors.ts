import type { Timestamp } from './timestamp.ts'

// This package is below the error table, so these carry their data and a `name`; the tiers map them to codes.

const SHOWN_CHARACTERS_MAX = 80

/** Escaped and cut, because the text may come from the network and end in a log line. */
function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text)
}

/** A text, a byte string or a value that is no timestamp. */
export class MalformedTimestampError extends Error {
  override readonly name = 'MalformedTimestampError'

  constructor(input: string, reason: string) {
    super(`malformed timestamp ${shown(input)}: ${reason}`)
  }
}

/** This process may not stamp now. Nothing was stamped, and the call may be repeated. */
export abstract class StampRefusedError extends Error {}

/** The clocks of this process disagree, so none of them may stamp until somebody else has vouched for it. */
export class ClockSuspectError extends StampRefusedError {
  override readonly name = 'ClockSuspectError'
  /** What the clock was suspended for. */
  readonly reason: string

  constructor(reason: string) {
    super(`nothing is stamped: ${reason}`)
    this.reason = reason
  }
}

/** A peer's stamp is further ahead of the local physical clock than the maximum offset: one of the two clocks is wrong. */
export class ClockOffsetError extends Error {
  override readonly name = 'ClockOffsetError'
  readonly remote: Timestamp
  readonly physicalMs: number
  /** How far `remote` is ahead of `physicalMs`. */
  readonly offsetMs: number
  readonly maxOffsetMs: number

  constructor(remote: Timestamp, physicalMs: number, maxOffsetMs: number) {
    const offsetMs = remote.wallMs - physicalMs
    super(
      `timestamp of ${shown(remote.origin)} is ${offsetMs} ms ahead of the local clock (${physicalMs}), ` +
        `more than the maximum offset of ${maxOffsetMs} ms`,
    )
    this.remote = remote
    this.physicalMs = physicalMs
    this.offsetMs = offsetMs
    this.maxOffsetMs = maxOffsetMs
  }
}

/**
 * What a clock that may not stamp is held by: stamps that it issued or merged before its wall clock went back
 * (`own`), a committed stamp of a writer whose clock was ahead (`committed`), or the ceiling of an earlier
 * process (`ceiling`).
 */
export type HeldBy = 'own' | 'committed' | 'ceiling'

/** The physical clock is so far behind that the next stamp would be more than the maximum offset ahead of it. */
export class ClockBehindError extends StampRefusedError {
  override readonly name = 'ClockBehindError'
  readonly heldBy: HeldBy
  /** The wall part below which no stamp may be issued any more. */
  readonly floorMs: number
  readonly physicalMs: number
  readonly maxOffsetMs: number
  /** Stamping works again once the physical clock shows this. */
  readonly resumeAtMs: number

  constructor(heldBy: HeldBy, floorMs: number, physicalMs: number, maxOffsetMs: number) {
    super(
      `the local clock (${physicalMs}) is ${floorMs - physicalMs} ms behind ${HELD_BY_TEXT[heldBy]} (${floorMs}); ` +
        `the maximum offset is ${maxOffsetMs} ms`,
    )
    this.heldBy = heldBy
    this.floorMs = floorMs
    this.physicalMs = physicalMs
    this.maxOffsetMs = maxOffsetMs
    this.resumeAtMs = floorMs - maxOffsetMs
  }
}

const HELD_BY_TEXT: Record<HeldBy, string> = {
  own: 'the next stamp of this clock',
  committed: 'a committed stamp',
  ceiling: 'the ceiling of an earlier process',
}

/** The persisted ceiling cannot be read or written; nothing may be stamped without it. `cause` has the reason. */
export class CeilingError extends Error {
  override readonly name = 'CeilingError'
}
