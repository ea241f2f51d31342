export { AnswerNotNeeded } from './answer-not-needed.ts'
export { campaign } from './campaign.ts'
export type { CampaignOptions } from './campaign.ts'
export { electionPrefix } from './election-key.ts'
export type { Leader, Leadership } from './election.ts'
export { guardedTxn } from './guarded-txn.ts'
export { checkTxn, StoreLimits } from './limits.ts'
export { observeLeader, watchLeader } from './observe-leader.ts'
export type { WatchLeaderOptions } from './observe-leader.ts'
export { TXN_OPERATIONS_MAX, VALUE_BYTES_MAX } from './store.ts'
export type {
  Consistency,
  Guard,
  LeaseId,
  Listing,
  ListOptions,
  Operation,
  ReadOptions,
  RecordChange,
  Store,
  StoreLease,
  StoreMember,
  StoreRecord,
  StoreStatus,
  Txn,
  TxnOutcome,
  WatchEvent,
  WatchOptions,
} from './store.ts'
