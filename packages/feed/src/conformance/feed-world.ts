import type { Clock } from '@meridian/loop'
import type { FeedBus } from '../bus.ts'

/** Where the suite runs: one bus system and the time its parts live by. */
export interface FeedWorld extends AsyncDisposable {
  readonly clock: Clock
  /** Random rounds of the property; each takes a second or two of the world's time. */
  readonly rounds: number
  /** A connection of its own, for one process's parts. The suite closes it. */
  open(name: string): Promise<FeedBus>
  /** Lets time pass until the probe holds; bounded, throws with `diagnose()` when it does not. */
  until(what: string, probe: () => boolean, diagnose?: () => string): Promise<void>
}
