export { procUptimeClock } from './boot-clock.ts'
export type { BootClock } from './boot-clock.ts'
export { CEILING_AHEAD_MS, CEILING_WINDOW_MS } from './ceiling.ts'
export type { CeilingStore } from './ceiling.ts'
export { CEILING_RAISE_EVERY_MS, keepCeiling } from './ceiling-keeper.ts'
export type { CeilingKeeperOptions } from './ceiling-keeper.ts'
export {
  cleared as clockGuardCleared,
  CLOCK_DISAGREEMENT_MS_MAX,
  CLOCK_GUARD_START,
  CLOCK_RATE_ALLOWANCE,
  CLOCK_WINDOW_MS,
  step as clockGuardStep,
} from './clock-guard.ts'
export type {
  ClockDisagreement,
  ClockGuard,
  ClockName,
  ClockSample,
  ClockSuspect,
  ClockVerdict,
} from './clock-guard.ts'
export { CLOCK_SAMPLE_MS, ClockGuardLoop } from './clock-guard-loop.ts'
export type { ClockGuardLoopOptions, MonotonicClock } from './clock-guard-loop.ts'
export {
  CeilingError,
  ClockBehindError,
  ClockOffsetError,
  ClockSuspectError,
  MalformedTimestampError,
  StampRefusedError,
} from './errors.ts'
export type { HeldBy } from './errors.ts'
export { fileCeiling } from './file-ceiling.ts'
export { HybridClock, MAX_OFFSET_MS_DEFAULT } from './hybrid-clock.ts'
export type { ClockTap, HybridClockOptions, OpenOptions, ReceiveResult } from './hybrid-clock.ts'
export { systemPhysicalClock } from './physical-clock.ts'
export type { PhysicalClock } from './physical-clock.ts'
export { COUNTER_MAX, ORIGIN_LENGTH_MAX, WALL_MS_MAX, ZERO_TIMESTAMP, compareTimestamps } from './timestamp.ts'
export type { Timestamp } from './timestamp.ts'
export { formatTimestamp, parseTimestamp } from './timestamp-text.ts'
export { decodeTimestamp, encodeTimestamp } from './timestamp-wire.ts'
