export { Authority, AUTHORITY_ROLE } from './authority.ts'
export type { AuthorityOptions, RegionSight, TakeEvent, TakeGate } from './authority.ts'
export { bootstrapGlobal } from './bootstrap.ts'
export { GLOBAL_MIRROR_PREFIXES, GlobalView } from './global-view.ts'
export {
  decodeJournal,
  encodeJournal,
  hasEnded,
  TAKEOVER_PHASES,
  takeoverKey,
  takeoverOperation,
  TRANSFER_PHASES,
} from './journal.ts'
export type { JournalEntry, TakeoverEntry, TakeoverPhase, TransferEntry, TransferPhase } from './journal.ts'
export { LeaderPlacer, PLACER_ROLE } from './leader-placer.ts'
export type { LeaderExplanation, LeaderPlacerOptions } from './leader-placer.ts'
export { readLeaderPreference, writeLeaderPreference } from './leader-preference.ts'
export type { OperationMeter } from './operation-meter.ts'
export { OPERATION_KEPT_MS, runJanitor, sweepOperations } from './operation-janitor.ts'
export { OwnershipService } from './ownership-service.ts'
export type { Company, OwnershipOptions, OwnershipOutcome, RevisionGuard } from './ownership-service.ts'
export { RegionAgent } from './region-agent.ts'
export type { ClockProof, Confirmation, ConfirmedRange, RangeGeneration, RegionAgentOptions } from './region-agent.ts'
export {
  decodeRegionLease,
  encodeRegionLease,
  REGION_LEASE_PREFIX,
  REGION_LEASE_STATUSES,
  RegionLease,
  regionWaitMsOf,
} from './region-lease.ts'
export type { Bar, RegionLeaseRecord, RegionLeaseStatus, Renewal } from './region-lease.ts'
export type { LeaderChanges } from './resent-txn.ts'
export { registerRegion } from './region-registry.ts'
export { takeoverTimingOf } from './takeover-core.ts'
export type { RegionVerdict, TakeoverTiming } from './takeover-core.ts'
export type { StandbyFacts } from './takeover-plan.ts'
export { TransferDriver } from './transfer-driver.ts'
export type { TransferDriverOptions, TransferPorts } from './transfer-driver.ts'
export { TRANSFER_TIMING } from './transfer-state.ts'
export type { Barrier, NodePlace, Position, TransferPage, TransferShard, TransferTiming } from './transfer-state.ts'
export { Transfers } from './transfers.ts'
export type { TransferRequest, TransfersOptions } from './transfers.ts'
export { RegionVerbs } from './region-verbs.ts'
export type { FailOverPlan, FailOverRequest, RegionVerbsOptions } from './region-verbs.ts'
export { planTransfer, previousOwner, TRANSFER_COMMITS } from './transfer-plan.ts'
export type { Obstacle, PlannedTransfer, PlanWorld } from './transfer-plan.ts'
export { PROMISE_PREFIX, PromiseKeeper, TAKING_PREFIX } from './promise-keeper.ts'
export type { PromiseKeeperOptions } from './promise-keeper.ts'
export { Standstill } from './standstill.ts'
export type { StandstillOptions, TakePromise } from './standstill.ts'
