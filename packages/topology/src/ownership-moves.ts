import type { OperationId, RegionId } from './ids.ts'
import type { Key } from './key.ts'
import type { OnRanges, OwnershipChange, OwnershipContext } from './ownership-rules.ts'
import {
  checkBatch,
  checkDistinct,
  checkRegions,
  decided,
  following,
  named,
  refuse,
  startingAt,
} from './ownership-rules.ts'
import { policyComplaint } from './range-descriptor.ts'
import type { FailoverPolicy, RangeDescriptor } from './range-descriptor.ts'
import type { RangeMap } from './range-map.ts'

interface OnTransfer extends OnRanges {
  /** Start of the range that moves. */
  readonly start: Key
  /** The operation that began the transfer: the range carries it until the transfer ends. */
  readonly transfer: OperationId
}

/** Makes `target` follow the range, if it does not yet, and says that the range is on its way there. */
export interface BeginTransferCommand extends OnTransfer {
  readonly kind: 'begin-transfer'
  readonly target: RegionId
}

/** From here on the owner's leaders refuse writes. */
export interface FreezeTransferCommand extends OnTransfer {
  readonly kind: 'freeze-transfer'
}

/** The point of no return: the target owns the range, the old owner stands by in its place. */
export interface CommitTransferCommand extends OnTransfer {
  readonly kind: 'commit-transfer'
  readonly target: RegionId
}

export interface AbortTransferCommand extends OnTransfer {
  readonly kind: 'abort-transfer'
}

export interface Taking {
  /** Start of an existing range. */
  readonly start: Key
  readonly target: RegionId
}

/** Gives ranges of a region whose authority was taken away to standbys of theirs; a transfer in flight ends by it. */
export interface TakeOverCommand extends OnRanges {
  readonly kind: 'take-over'
  readonly from: RegionId
  readonly takes: readonly Taking[]
}

export interface SetPolicyCommand extends OnRanges {
  readonly kind: 'set-policy'
  readonly start: Key
  readonly failover: FailoverPolicy
  readonly budgetMs: number
}

export type TransferCommand =
  | BeginTransferCommand
  | FreezeTransferCommand
  | CommitTransferCommand
  | AbortTransferCommand

export function changeTransfer(map: RangeMap, command: TransferCommand, context: OwnershipContext): OwnershipChange {
  const range = startingAt(map, command.keyspace, command.start)
  const next = transferred(range, command)
  const put: RangeDescriptor = { ...range, ...next, operation: command.transfer, stamp: context.stamp }
  return { ok: true, puts: [put], removes: [], touched: [range], nextRangeId: context.nextRangeId }
}

function transferred(range: RangeDescriptor, command: TransferCommand): Partial<RangeDescriptor> {
  if (command.kind === 'begin-transfer') return begun(range, command.target)
  const { keyspace, transfer } = command
  const inFlight = range.status === 'moving' || range.status === 'frozen'
  if (!inFlight || range.operation !== transfer) {
    refuse('TRANSFER_ENDED', `transfer ${transfer} of ${named(range)} is not in flight (any more)`, {
      keyspace,
      rangeId: String(range.rangeId),
      operation: transfer,
    })
  }
  switch (command.kind) {
    case 'freeze-transfer':
      return { status: 'frozen' }
    case 'abort-transfer':
      return { status: 'active' }
    case 'commit-transfer': {
      const { target } = command
      if (range.status !== 'frozen') refuse('RANGE_BUSY', `${named(range)} is ${range.status}: freeze it first`)
      if (!range.standbys.includes(target)) refuse('INVALID_ARGUMENT', `${target} is no standby of ${named(range)}`)
      const standbys = range.standbys.map((standby) => (standby === target ? range.owner : standby))
      return { status: 'active', owner: target, standbys, generation: following(range.generation) }
    }
  }
}

function begun(range: RangeDescriptor, target: RegionId): Partial<RangeDescriptor> {
  if (range.status === 'vacant') refuse('RANGE_NOT_ACTIVE', `${named(range)} is vacant: assign it, it holds no data`)
  if (range.status !== 'active') {
    const { operation } = range
    refuse('RANGE_BUSY', `${named(range)} is ${range.status} by ${operation}`, { operation })
  }
  if (range.owner === target) refuse('INVALID_ARGUMENT', `${named(range)} is owned by ${target} already`)
  const standbys = range.standbys.includes(target) ? range.standbys : [...range.standbys, target]
  checkRegions(range.owner, standbys)
  return { status: 'moving', standbys }
}

export function takeOver(map: RangeMap, command: TakeOverCommand, context: OwnershipContext): OwnershipChange {
  const { keyspace, from, takes } = command
  checkBatch(takes.length, 'ranges to take')
  checkDistinct(takes.map(({ start }) => start))
  const touched = takes.map(({ start }) => startingAt(map, keyspace, start))
  const puts = takes.map(({ target }, index): RangeDescriptor => {
    const range = touched[index] as RangeDescriptor
    if (range.owner !== from) refuse('OWNERS_DIFFER', `${named(range)} is owned by ${range.owner}, not by ${from}`)
    if (!range.standbys.includes(target)) refuse('INVALID_ARGUMENT', `${target} is no standby of ${named(range)}`)
    return {
      ...range,
      owner: target,
      standbys: [...range.standbys.filter((standby) => standby !== target), from],
      status: range.status === 'vacant' ? 'vacant' : 'active',
      ...decided(context, following(range.generation)),
    }
  })
  return { ok: true, puts, removes: [], touched, nextRangeId: context.nextRangeId }
}

export function setPolicy(map: RangeMap, command: SetPolicyCommand, context: OwnershipContext): OwnershipChange {
  const { failover, budgetMs } = command
  const range = startingAt(map, command.keyspace, command.start)
  const complaint = policyComplaint({ failover, budgetMs })
  if (complaint !== undefined) refuse('INVALID_ARGUMENT', `${named(range)}: ${complaint}`)
  // The operation of a range in transfer is the transfer's: it must stay.
  if (range.status === 'moving' || range.status === 'frozen') refuse('RANGE_BUSY', `${named(range)} is ${range.status}`)
  const same = range.failover === failover && range.budgetMs === budgetMs
  const puts = same ? [] : [{ ...range, failover, budgetMs, ...decided(context, range.generation) }]
  return { ok: true, puts, removes: [], touched: [range], nextRangeId: context.nextRangeId }
}
