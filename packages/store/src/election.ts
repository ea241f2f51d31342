import type { Revision } from '@meridian/topology'
import type { Guard } from './store.ts'

/**
 * The leadership of a role, held by one process at a time *as far as anybody can know*: the lease behind it makes
 * things quiet, the guard in every write makes them safe. A process that wakes from a pause still believes it leads
 * until `lost` fires; its transactions are refused all the same, because they carry `guard`.
 */
export interface Leadership {
  readonly role: string
  /** Create revision of the election key: rises with each leadership of the role. Fences messages as well. */
  readonly token: Revision
  /** To be added to every transaction made in this role. */
  readonly guard: Guard
  /** Aborts when the leadership is lost or can no longer be proven, at the latest when the lease would have ended
   * counted from the send time of its last acknowledged renewal. */
  readonly lost: AbortSignal
  /** Gives the role up at once; idempotent. */
  resign(): Promise<void>
}

export interface Leader {
  readonly token: Revision
  /** What the leader said of itself when it campaigned: an address, usually. */
  readonly value: string
}
