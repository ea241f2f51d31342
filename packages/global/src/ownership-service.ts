import { StampRefusedError, formatTimestamp, parseTimestamp } from '@meridian/hlc'
import type { HybridClock, Timestamp } from '@meridian/hlc'
import { backoffMs, withTimeLimit } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import type { Guard, Operation, Store, StoreRecord, TxnOutcome } from '@meridian/store'
import {
  decideOwnership,
  encodeRange,
  INCARNATION_KEY,
  isMeridianError,
  MeridianError,
  NEXT_RANGE_ID_KEY,
  operationKey,
  rangeId,
  rangeKey,
  STAMP_KEY,
} from '@meridian/topology'
import type {
  Key,
  KeyspaceName,
  OperationId,
  OwnershipChange,
  OwnershipCommand,
  RangeDescriptor,
  Revision,
} from '@meridian/topology'
import { budgetHoldKey, encodeBudgetHold } from './budget-hold.ts'
import type { GlobalView } from './global-view.ts'
import { unmetered } from './operation-meter.ts'
import type { OperationMeter } from './operation-meter.ts'
import { resentTxn } from './resent-txn.ts'
import type { LeaderChanges } from './resent-txn.ts'
import { decodeOperation, encodeOperation, fingerprintOf } from './operation-record.ts'

/** Times one mutation is decided anew because another came first. */
const ATTEMPTS_MAX = 16
/** Times the outcome of a transaction that was not answered is looked up. */
const READ_BACK_ATTEMPTS_MAX = 5
const BACKOFF = { delayMsMin: 5, delayMsMax: 500 }
/** How long a mutation waits for this server to have applied what refused it, ms. */
const CATCH_UP_MS = 10_000
/**
 * How long a mutation is sent again because G did not answer it, ms: longer than its leadership takes to be handed over,
 * so that a move of the leader costs time and no request.
 */
const UNANSWERED_MS_MAX = 5000
const UNANSWERED_BACKOFF = { delayMsMin: 50, delayMsMax: 1000 }

const NONE = 0n as Revision

export interface OwnershipOutcome {
  /** The descriptors as the operation left them. */
  readonly ranges: readonly RangeDescriptor[]
  /** Revision of G at which they were committed, or, for a repeated call, at which they were found. */
  readonly revision: Revision
}

/**
 * What else a mutation is to depend on and to write, all in its one transaction: a leadership, a region's lease, the
 * journal of the operation that it is a step of.
 */
export interface Company {
  /** By revision. One that fails refuses the mutation for good: it is not decided anew. */
  readonly guards: readonly RevisionGuard[]
  readonly operations: (change: OwnershipChange) => readonly Operation[]
  /** What a failed guard means. */
  readonly refusal: (key: string) => MeridianError
}

export type RevisionGuard = Extract<Guard, { kind: 'mod-revision' | 'create-revision' }>

const ALONE: Company = {
  guards: [],
  operations: () => [],
  refusal: (key) => new MeridianError('INTERNAL', `nothing was to depend on ${key}`),
}

/** The names that operations have in measurements, where they differ from the kinds of the commands. */
const METER_NAMES: Partial<Record<OwnershipCommand['kind'], string>> = {
  'commit-transfer': 'transfer-commit',
  'take-over': 'takeover',
}

export interface OwnershipOptions {
  readonly store: Store
  readonly view: GlobalView
  readonly hlc: HybridClock
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  /** Told of each mutation, by the kind of its command, and of each linearizable read as `lookup`. */
  readonly meter?: OperationMeter
  /** Tells when G has another leader, so that what the old one dropped is sent again at once. Without it after seconds. */
  readonly leaderChanges?: LeaderChanges
}

/**
 * Ownership of ranges, decided in the global tier. Any server of any region may decide: what makes it safe is that
 * each mutation is one transaction guarded on every descriptor it looked at, on its operation id being new, and on its
 * stamp being above the last one, so that stamp order is revision order.
 *
 * The decision is made on this server's mirror of G, which costs no round trip; when the mirror was behind, a guard
 * refuses, and the mutation is decided anew on what it then sees. So the price is one WAN commit when nobody
 * interferes, and one more for each interference.
 */
export class OwnershipService {
  readonly #options: OwnershipOptions
  /** Own writes are seen by own later mutations without a refused attempt. */
  #appliedNeeded: Revision = NONE

  constructor(options: OwnershipOptions) {
    this.#options = options
  }

  /**
   * @throws MeridianError of `decideOwnership`; OPERATION_REUSED; CLOCK_OFFSET; OUTCOME_UNKNOWN when the transaction
   * was not answered and its outcome could not be read back: calling again with the same operation id is safe.
   */
  async mutate(
    operation: OperationId,
    command: OwnershipCommand,
    signal: AbortSignal,
    company: Company = ALONE,
  ): Promise<OwnershipOutcome> {
    const { clock, meter = unmetered } = this.#options
    const startedMs = clock.nowMs()
    const unanswered = new Unanswered(clock)
    let outcome: OwnershipOutcome
    try {
      outcome = await this.#mutate(operation, command, company, unanswered, signal)
    } catch (error) {
      throw unanswered.verdict(error)
    }
    meter(METER_NAMES[command.kind] ?? command.kind, clock.nowMs() - startedMs)
    return outcome
  }

  async #mutate(
    operation: OperationId,
    command: OwnershipCommand,
    company: Company,
    unanswered: Unanswered,
    signal: AbortSignal,
  ): Promise<OwnershipOutcome> {
    const { view, clock, random } = this.#options
    const fingerprint = fingerprintOf(command)
    await this.#applied(this.#appliedNeeded, signal)
    let caughtUp = false
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stamp = this.#stamp()
      const nextRangeIdRecord = view.record(NEXT_RANGE_ID_KEY)
      if (nextRangeIdRecord === undefined)
        throw new MeridianError('UNAVAILABLE', 'the global tier is not bootstrapped yet')
      const decision = decideOwnership(view.ranges, command, {
        operation,
        stamp,
        nextRangeId: rangeId(Number(Buffer.from(nextRangeIdRecord.value).toString())),
      })
      if (!decision.ok) {
        // The mirror may be behind, and a repeated split finds its own bound taken: a refusal is given only when the
        // operation was not committed before and the refusal still stands on a view caught up with G.
        if (caughtUp) throw decision.error
        const [done] = await Promise.all([this.#readBack(operation, fingerprint, signal), this.catchUp(signal)])
        if (done !== undefined) return done
        caughtUp = true
        continue
      }
      const outcome = await this.#commit(
        operation,
        fingerprint,
        stamp,
        decision,
        company,
        nextRangeIdRecord,
        unanswered,
        signal,
      )
      if (outcome.kind === 'done') return outcome.outcome
      if (outcome.kind === 'unanswered') {
        // Sent again it has no second effect: its operation id is among the guards.
        const pauseMs = unanswered.pauseMs(outcome.error, random)
        caughtUp = false
        await clock.sleep(pauseMs, signal)
        continue
      }
      if (attempt > 0) await clock.sleep(backoffMs(BACKOFF, attempt, random), signal)
      await this.#applied(outcome.revision, signal)
    }
    throw new MeridianError('RANGE_BUSY', `other changes came first ${ATTEMPTS_MAX} times in a row; try again`)
  }

  /** The range that holds `key`, as of some moment after this call began. Costs a commit's round trip. */
  async lookup(keyspace: KeyspaceName, key: Key, signal: AbortSignal): Promise<RangeDescriptor> {
    await this.catchUp(signal)
    return this.lookupLocal(keyspace, key)
  }

  /** As `lookup`, as of what this server has applied. Costs nothing. */
  lookupLocal(keyspace: KeyspaceName, key: Key): RangeDescriptor {
    const range = this.#options.view.ranges.find(keyspace, key)
    if (range === undefined) throw new MeridianError('KEYSPACE_UNKNOWN', `no keyspace ${keyspace}`)
    return range
  }

  /** Resolves once the view holds everything that was committed in G before this call. */
  async catchUp(signal: AbortSignal): Promise<void> {
    const { store, clock, meter = unmetered } = this.#options
    const startedMs = clock.nowMs()
    const { revision } = await store.list(INCARNATION_KEY, { consistency: 'linearizable', signal })
    await this.#applied(revision, signal)
    meter('lookup', clock.nowMs() - startedMs)
  }

  /** Resolves once the view holds `revision`. @throws MeridianError UNAVAILABLE when that takes too long */
  async #applied(revision: Revision, signal: AbortSignal): Promise<void> {
    const { view, clock } = this.#options
    // Mostly it does, and then nothing is set up to wait with.
    if (view.revision >= revision) return
    await withTimeLimit(clock, CATCH_UP_MS, (late) => view.mirror.waitFor(revision, late), signal)
  }

  #stamp(): Timestamp {
    try {
      return this.#options.hlc.now()
    } catch (error) {
      if (error instanceof StampRefusedError) throw new MeridianError('CLOCK_OFFSET', error.message, { cause: error })
      throw error
    }
  }

  async #commit(
    operation: OperationId,
    fingerprint: string,
    stamp: Timestamp,
    decision: OwnershipChange,
    company: Company,
    nextRangeIdRecord: StoreRecord,
    unanswered: Unanswered,
    signal: AbortSignal,
  ): Promise<
    | { readonly kind: 'done'; readonly outcome: OwnershipOutcome }
    | { readonly kind: 'again'; readonly revision: Revision }
    | { readonly kind: 'unanswered'; readonly error: MeridianError }
  > {
    const { store, log, leaderChanges = unseen } = this.#options
    const guards = [...this.#guards(operation, stamp, decision, nextRangeIdRecord), ...company.guards]
    const operations = [
      ...this.#operations(operation, fingerprint, stamp, decision, nextRangeIdRecord),
      ...company.operations(decision),
    ]
    const read = new Set([operationKey(operation), STAMP_KEY, ...company.guards.map(({ key }) => key)])
    let outcome: TxnOutcome
    try {
      const txn = { guards, operations, onRefusalRead: [...read] }
      const answered = await resentTxn(store, txn, leaderChanges, signal)
      if (answered.unanswered > 0) unanswered.left(operation)
      outcome = answered.outcome
    } catch (error) {
      if (isMeridianError(error, 'UNAVAILABLE')) return { kind: 'unanswered', error }
      if (!isMeridianError(error, 'OUTCOME_UNKNOWN') || signal.aborted) throw error
      log.warn({ operation }, 'mutation unanswered, reading back')
      const done = await this.#readBack(operation, fingerprint, signal).catch((failure: unknown) => {
        if (isMeridianError(failure, 'OUTCOME_UNKNOWN')) return undefined
        throw failure
      })
      return done === undefined ? { kind: 'unanswered', error } : { kind: 'done', outcome: done }
    }
    this.#appliedNeeded = outcome.revision > this.#appliedNeeded ? outcome.revision : this.#appliedNeeded
    if (outcome.committed) return { kind: 'done', outcome: { ranges: decision.puts, revision: outcome.revision } }
    for (const record of outcome.records) {
      if (record.key === STAMP_KEY) this.#observe(record)
      else if (record.key === operationKey(operation)) {
        return { kind: 'done', outcome: repeated(record, operation, fingerprint) }
      }
    }
    const failed = company.guards.find((guard) => !holds(guard, outcome.records))
    if (failed !== undefined) throw company.refusal(failed.key)
    return { kind: 'again', revision: outcome.revision }
  }

  #observe(record: StoreRecord): void {
    // A committed stamp too far ahead is held, not merged: `now` then refuses until the wall has caught up.
    this.#options.hlc.observeCommitted(parseTimestamp(Buffer.from(record.value).toString()))
  }

  #guards(
    operation: OperationId,
    stamp: Timestamp,
    decision: OwnershipChange,
    nextRangeIdRecord: StoreRecord,
  ): Guard[] {
    const { view } = this.#options
    const touched = decision.touched.map((range): Guard => {
      const key = rangeKey(range.keyspace, range.start)
      return { kind: 'mod-revision', key, equals: view.record(key)?.modRevision ?? NONE }
    })
    const created = decision.puts
      .map((range) => rangeKey(range.keyspace, range.start))
      .filter((key) => view.record(key) === undefined)
      .map((key): Guard => ({ kind: 'create-revision', key, equals: NONE }))
    return [
      { kind: 'create-revision', key: operationKey(operation), equals: NONE },
      { kind: 'value-below', key: STAMP_KEY, bound: Buffer.from(formatTimestamp(stamp)) },
      ...(givesIds(decision, nextRangeIdRecord)
        ? [{ kind: 'mod-revision', key: NEXT_RANGE_ID_KEY, equals: nextRangeIdRecord.modRevision } as const]
        : []),
      ...touched,
      ...created,
    ]
  }

  #operations(
    operation: OperationId,
    fingerprint: string,
    stamp: Timestamp,
    decision: OwnershipChange,
    nextRangeIdRecord: StoreRecord,
  ): Operation[] {
    const put = (key: string, value: Uint8Array | string): Operation => ({
      kind: 'put',
      key,
      value: Buffer.from(value),
    })
    // A continuation that is lowered may still be gone on by: see BudgetHold.
    const lowered = decision.puts.flatMap((range) => {
      const before = decision.touched.find((each) => each.rangeId === range.rangeId)
      if (before === undefined || before.owner !== range.owner || range.budgetMs >= before.budgetMs) return []
      return [put(budgetHoldKey(operation), encodeBudgetHold({ ...range, budgetMs: before.budgetMs }))]
    })
    return [
      ...lowered,
      put(operationKey(operation), encodeOperation({ fingerprint, wallMs: stamp.wallMs, ranges: decision.puts })),
      put(STAMP_KEY, formatTimestamp(stamp)),
      ...(givesIds(decision, nextRangeIdRecord) ? [put(NEXT_RANGE_ID_KEY, String(decision.nextRangeId))] : []),
      ...decision.removes.map((range): Operation => ({ kind: 'delete', key: rangeKey(range.keyspace, range.start) })),
      ...decision.puts.map((range) => put(rangeKey(range.keyspace, range.start), encodeRange(range))),
    ]
  }

  async #readBack(
    operation: OperationId,
    fingerprint: string,
    signal: AbortSignal,
  ): Promise<OwnershipOutcome | undefined> {
    const { store, clock, random } = this.#options
    for (let attempt = 0; attempt < READ_BACK_ATTEMPTS_MAX; attempt += 1) {
      try {
        const record = await store.get(operationKey(operation), { consistency: 'linearizable', signal })
        return record === undefined ? undefined : repeated(record, operation, fingerprint)
      } catch (error) {
        if (!isMeridianError(error, 'UNAVAILABLE')) throw error
        await clock.sleep(backoffMs(BACKOFF, attempt, random), signal)
      }
    }
    throw new MeridianError('OUTCOME_UNKNOWN', `operation ${operation} was sent and its outcome could not be read back`)
  }
}

const unseen: LeaderChanges = () => () => {}

/** What a mutation that G has not answered yet may still do. */
class Unanswered {
  readonly #clock: Clock
  /** Of the first attempt that may have, or may yet have, its effect. */
  #unknown: MeridianError | undefined
  #untilMs: number | undefined
  #times = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Before the next attempt. @throws `error` when time is up */
  pauseMs(error: MeridianError, random: () => number): number {
    if (error.code === 'OUTCOME_UNKNOWN') this.#unknown ??= error
    this.#untilMs ??= this.#clock.nowMs() + UNANSWERED_MS_MAX
    if (this.#clock.nowMs() >= this.#untilMs) throw error
    this.#times += 1
    return backoffMs(UNANSWERED_BACKOFF, this.#times - 1, random)
  }

  /** An attempt was sent again without waiting for its answer. */
  left(operation: OperationId): void {
    this.#unknown ??= new MeridianError('OUTCOME_UNKNOWN', `an attempt of operation ${operation} was not answered`)
  }

  /** After an attempt of unknown outcome no refusal of a later one proves that there was no effect. */
  verdict(error: unknown): unknown {
    return isMeridianError(error, 'OPERATION_REUSED') ? error : (this.#unknown ?? error)
  }
}

/** Changes that give out no ids do not stand in each other's way. */
function givesIds(decision: OwnershipChange, nextRangeIdRecord: StoreRecord): boolean {
  return Buffer.from(nextRangeIdRecord.value).toString() !== String(decision.nextRangeId)
}

function holds(guard: RevisionGuard, records: readonly StoreRecord[]): boolean {
  const record = records.find(({ key }) => key === guard.key)
  const revision = guard.kind === 'mod-revision' ? record?.modRevision : record?.createRevision
  return (revision ?? NONE) === guard.equals
}

function repeated(record: StoreRecord, operation: OperationId, fingerprint: string): OwnershipOutcome {
  const done = decodeOperation(record.value)
  if (done.fingerprint !== fingerprint) {
    throw new MeridianError('OPERATION_REUSED', `operation id ${operation} was used before for another change`)
  }
  return { ranges: done.ranges, revision: record.modRevision }
}
