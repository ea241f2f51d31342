export { counted } from './counted.ts'
export { GlobalMap } from './global-map.ts'
export { ERROR_CODES, isMeridianError, MeridianError } from './errors.ts'
export type { ErrorCode } from './errors.ts'
export {
  compareEnds,
  EMPTY_KEY,
  EVERY_KEY,
  formatKey,
  formatKeyRange,
  KEY_BYTES_MAX,
  keyBytes,
  keyOfBytes,
  keyOfText,
  parseKey,
  rangeContains,
  rangeIsEmpty,
  rangesOverlap,
} from './key.ts'
export type { Key, KeyRange } from './key.ts'
export {
  keyspaceName,
  nodeId,
  operationId,
  parseShardId,
  RANGE_ID_MAX,
  rangeId,
  regionId,
  SHARD_ORDINAL_MAX,
  shardId,
  shardIdParts,
  zoneId,
} from './ids.ts'
export type { KeyspaceName, NodeId, OperationId, RangeId, RegionId, ShardId, ZoneId } from './ids.ts'
export {
  compareTokens,
  epoch,
  formatToken,
  generation,
  incarnation,
  nodeEpoch,
  revision,
  token,
  tokensEqual,
  ZERO_TOKEN,
} from './token.ts'
export type { Epoch, Generation, Incarnation, NodeEpoch, Revision, Token } from './token.ts'
export {
  BUDGET_MS_MAX,
  FAILOVER_POLICIES,
  policyComplaint,
  RANGE_STATUSES,
  rangeComplaint,
  rangeIsOpen,
  STANDBYS_MAX,
} from './range-descriptor.ts'
export type { FailoverPolicy, RangeDescriptor, RangeStatus } from './range-descriptor.ts'
export {
  PAGE_ROLES,
  nodesOfShard,
  pageComplaint,
  pagesOverlapping,
  REPLICAS_MAX,
  SHARD_STATUSES,
  shardEnd,
  shardIndexOf,
  SHARDS_PER_PAGE_MAX,
  shardToken,
} from './page.ts'
export type {
  AssignedShard,
  Freeze,
  LeaderlessShard,
  Page,
  PageRole,
  ReplicaChange,
  Shard,
  ShardStatus,
} from './page.ts'
export {
  ADDRESS_BYTES_MAX,
  DISPLAY_NAME_CHARS_MAX,
  isAddress,
  isWanted,
  NODE_CAPACITY_MAX,
  NODE_DUTIES,
  NODE_STATUSES,
  nodeComplaint,
  REGION_SERVERS_MAX,
  regionComplaint,
} from './node-record.ts'
export type { NodeDuty, NodeRecord, NodeStatus, RegionRecord } from './node-record.ts'
export { comparePositions, GLOBAL_STREAM, parseStreamId, regionStream, START_POSITION, streamRegion } from './stream.ts'
export type { Position, StreamId } from './stream.ts'
export {
  GLOBAL_PUBLISHED_PREFIXES,
  DRAIN_PREFIX,
  drainKey,
  INCARNATION_KEY,
  JOURNAL_PREFIX,
  journalKey,
  keyspacePrefix,
  MEMBER_PREFIX,
  memberKey,
  NEXT_RANGE_ID_KEY,
  NODE_PREFIX,
  nodeKey,
  operationKey,
  PAGE_PREFIX,
  pageKey,
  RANGE_PREFIX,
  rangeKey,
  REGION_PUBLISHED_PREFIXES,
  regionLeaseKey,
  RENEWALS_KEY,
  STAMP_KEY,
} from './records.ts'
export { decodeNode, decodeRange, decodeRegion, encodeNode, encodeRange, encodeRegion } from './record-codec.ts'
export { decodePage, encodePage } from './page-codec.ts'
export { RangeMap } from './range-map.ts'
export type { RangePlace } from './range-map.ts'
export { decideOwnership } from './ownership.ts'
export type {
  ActivateCommand,
  AssignCommand,
  Assignment,
  CreateKeyspaceCommand,
  MergeCommand,
  OwnershipCommand,
  SplitCommand,
} from './ownership.ts'
export type {
  AbortTransferCommand,
  BeginTransferCommand,
  CommitTransferCommand,
  FreezeTransferCommand,
  SetPolicyCommand,
  TakeOverCommand,
  Taking,
  TransferCommand,
} from './ownership-moves.ts'
export { OWNERSHIP_BATCH_MAX } from './ownership-rules.ts'
export type {
  ExpectedGeneration,
  OwnershipChange,
  OwnershipContext,
  OwnershipDecision,
  OwnershipRefusal,
} from './ownership-rules.ts'
export { chooseLeader, chooseReplacement, LoadTally, placeReplicas } from './placement.ts'
export type { NodeLoad } from './placement.ts'
export { freezePage, sameShards, standbyPage, thawPage } from './page-transitions.ts'
export { adoptPages, failOver, handOver, openPage } from './shard-transitions.ts'
export type { FailOver } from './shard-transitions.ts'
export type { PageDecision } from './page-decision.ts'
export { abortMove, beginMove, finishMove, joinMove } from './shard-moves.ts'
export { MapDigest, recordDigest } from './digest.ts'
