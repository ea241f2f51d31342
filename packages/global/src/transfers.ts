import type { Store } from '@meridian/store'
import { drainKey, isMeridianError, journalKey, MeridianError } from '@meridian/topology'
import type { Generation, Key, KeyspaceName, OperationId, RegionId, Revision } from '@meridian/topology'
import type { GlobalView } from './global-view.ts'
import { encodeJournal, hasEnded } from './journal.ts'
import type { JournalEntry, TransferEntry } from './journal.ts'
import type { OwnershipService } from './ownership-service.ts'
import { commitStep, storedTransfer } from './transfer-steps.ts'

export interface TransferRequest {
  /** The same id is the same transfer, however often it is asked for. */
  readonly operation: OperationId
  readonly keyspace: KeyspaceName
  /** A key of the range. */
  readonly key: Key
  readonly target: RegionId
  /** Why, for people. */
  readonly reason: string
  readonly expectedGeneration?: Generation
  /** Also to a region to which transfers failed lately. */
  readonly evenSuspect?: boolean
}

export interface TransfersOptions {
  readonly store: Store
  readonly view: GlobalView
  readonly ownership: OwnershipService
  readonly wallMs: () => number
}

/** Failed transfers after which a region is suspect, and for how long since the last of them, ms. */
export const SUSPECT_FAILURES = 2
export const SUSPECT_MS = 600_000
/** Times an abort is tried again because the transfer took a step. */
const ABORT_ATTEMPTS_MAX = 8
const NONE = 0n as Revision

/** Begins, aborts and shows operations of several commits. Any server may; whoever is elected carries them on. */
export class Transfers {
  readonly #options: TransfersOptions

  constructor(options: TransfersOptions) {
    this.#options = options
  }

  /**
   * Begins a transfer: one commit at G. It goes on by itself.
   *
   * @throws MeridianError of `begin-transfer`; RANGE_BUSY when the target is drained or suspect; GENERATION_MISMATCH;
   * REGION_UNKNOWN
   */
  async begin(request: TransferRequest, signal: AbortSignal): Promise<TransferEntry> {
    const { view, ownership, wallMs } = this.#options
    const { operation, keyspace, key, target, reason } = request
    const known = storedTransfer(view, operation)
    if (known !== undefined) return known.entry
    if (!view.regions.has(target)) throw new MeridianError('REGION_UNKNOWN', `no region ${target} is known`)
    const suspect = suspicionOf(view.journal.values(), target, wallMs())
    if (suspect !== undefined && request.evenSuspect !== true) throw new MeridianError('RANGE_BUSY', suspect)
    const { start, generation } = await ownership.lookup(keyspace, key, signal)
    const expected = [{ start, generation: request.expectedGeneration ?? generation }]
    let begun: TransferEntry | undefined
    const { revision } = await ownership.mutate(
      operation,
      { kind: 'begin-transfer', keyspace, start, transfer: operation, target, expected },
      signal,
      {
        guards: [
          { kind: 'create-revision', key: journalKey(operation), equals: NONE },
          { kind: 'create-revision', key: drainKey(target), equals: NONE },
        ],
        operations: ({ puts: [range] }) => {
          if (range === undefined) throw new Error('assertion: a transfer begins without a range')
          const nowWallMs = Math.round(wallMs())
          begun = {
            kind: 'transfer',
            operation,
            opSeq: 1,
            keyspace,
            rangeId: range.rangeId,
            source: range.owner,
            target,
            generation: range.generation,
            phase: 'prepare',
            reason,
            startedWallMs: nowWallMs,
            updatedWallMs: nowWallMs,
            note: '',
          }
          return [{ kind: 'put', key: journalKey(operation), value: encodeJournal(begun) }]
        },
        refusal: (failed) =>
          failed === drainKey(target)
            ? new MeridianError('RANGE_BUSY', `${target} is drained: nothing is handed to it`)
            : new MeridianError('OPERATION_REUSED', `operation id ${operation} is in the journal already`),
      },
    )
    await view.mirror.waitFor(revision, signal)
    const entry = storedTransfer(view, operation)?.entry ?? begun
    if (entry === undefined) throw new MeridianError('TRANSFER_ENDED', `transfer ${operation} ended and was forgotten`)
    return entry
  }

  /**
   * Gives the range back to its owner, unless the transfer was committed: one commit at G.
   *
   * @returns the transfer; `aborting` until its source has been seen to thaw
   * @throws MeridianError TRANSFER_ENDED when it was committed; NO such operation: INVALID_ARGUMENT
   */
  async abort(operation: OperationId, reason: string, signal: AbortSignal): Promise<TransferEntry> {
    const { view, ownership } = this.#options
    for (let attempt = 0; attempt < ABORT_ATTEMPTS_MAX; attempt += 1) {
      await ownership.catchUp(signal)
      const stored = storedTransfer(view, operation)
      if (stored === undefined) {
        throw new MeridianError('INVALID_ARGUMENT', `no transfer ${operation} is in flight or was lately`)
      }
      const { phase } = stored.entry
      if (phase === 'aborting' || phase === 'aborted') return stored.entry
      if (phase === 'clean' || phase === 'done') {
        throw new MeridianError('TRANSFER_ENDED', `transfer ${operation} is committed: move the range back instead`)
      }
      const frozen = phase === 'freeze'
      const step = { command: 'abort', phase: frozen ? 'aborting' : 'aborted', note: reason } as const
      try {
        const revision = await commitStep(this.#options, stored, step, undefined, signal)
        await view.mirror.waitFor(revision, signal)
        return storedTransfer(view, operation)?.entry ?? { ...stored.entry, ...step }
      } catch (error) {
        if (!isMeridianError(error, 'TRANSFER_ENDED')) throw error
      }
    }
    throw new MeridianError('RANGE_BUSY', `transfer ${operation} took a step at each attempt; try again`)
  }

  /** As this server has applied it; newest first. */
  list(all: boolean): readonly JournalEntry[] {
    return [...this.#options.view.journal.values()]
      .filter((entry) => all || !hasEnded(entry))
      .toSorted((a, b) => b.updatedWallMs - a.updatedWallMs)
  }

  get(operation: OperationId): JournalEntry | undefined {
    return this.#options.view.journal.get(operation)
  }
}

/** Why transfers to a region are not begun; undefined: nothing speaks against it. */
export function suspicionOf(journal: Iterable<JournalEntry>, target: RegionId, nowWallMs: number): string | undefined {
  const failures = [...journal].filter(
    (entry) =>
      entry.kind === 'transfer' &&
      entry.target === target &&
      (entry.phase === 'aborted' || entry.phase === 'aborting') &&
      /^(no progress|frozen) for /.test(entry.note) &&
      nowWallMs - entry.updatedWallMs < SUSPECT_MS,
  )
  if (failures.length < SUSPECT_FAILURES) return undefined
  return `${failures.length} transfers to ${target} failed in the last ${SUSPECT_MS / 60_000} minutes`
}
