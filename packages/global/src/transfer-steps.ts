import { createHash } from 'node:crypto'
import type { Leadership, Operation, Store } from '@meridian/store'
import { journalKey, MeridianError, operationId } from '@meridian/topology'
import type { OperationId, OwnershipCommand, Revision } from '@meridian/topology'
import type { GlobalView } from './global-view.ts'
import { encodeJournal } from './journal.ts'
import type { TransferEntry, TransferPhase } from './journal.ts'
import type { OwnershipService, RevisionGuard } from './ownership-service.ts'
import type { TransferCommand } from './transfer-state.ts'

export interface StepMeans {
  readonly store: Store
  readonly view: GlobalView
  readonly ownership: OwnershipService
  readonly wallMs: () => number
}

export interface TransferStep {
  readonly command: TransferCommand
  readonly phase: TransferPhase
  readonly note: string
}

/** A transfer as the view shows it. */
export interface StoredTransfer {
  readonly entry: TransferEntry
  readonly modRevision: Revision
}

export function storedTransfer(view: GlobalView, operation: OperationId): StoredTransfer | undefined {
  const entry = view.journal.get(operation)
  const record = view.record(journalKey(operation))
  return entry?.kind === 'transfer' && record !== undefined ? { entry, modRevision: record.modRevision } : undefined
}

const KINDS = { freeze: 'freeze-transfer', commit: 'commit-transfer', abort: 'abort-transfer' } as const

/**
 * Commits one step of a transfer: the journal, and with it the range where the step changes it, in one transaction that
 * compares both, and the election of whoever makes it as leader. Who comes second is refused, whoever it is.
 *
 * @returns the revision after which a view shows the step
 * @throws MeridianError TRANSFER_ENDED when the journal has moved on; LEADERSHIP_LOST; those of `mutate`
 */
export async function commitStep(
  means: StepMeans,
  { entry, modRevision }: StoredTransfer,
  step: TransferStep,
  leadership: Leadership | undefined,
  signal: AbortSignal,
): Promise<Revision> {
  const { store, view, ownership } = means
  const key = journalKey(entry.operation)
  const journal: Operation = { kind: 'put', key, value: encodeJournal(after(entry, step, means.wallMs())) }
  const guards: RevisionGuard[] = [{ kind: 'mod-revision', key, equals: modRevision }]
  if (leadership !== undefined) {
    guards.push({ kind: 'create-revision', key: leadership.guard.key, equals: leadership.token })
  }
  const refusal = (failed: string): MeridianError =>
    failed === key
      ? new MeridianError('TRANSFER_ENDED', `transfer ${entry.operation} went on without this step`)
      : new MeridianError('LEADERSHIP_LOST', `This process no longer leads ${leadership?.role ?? ''}.`)
  const { command } = step
  if (command === 'follow' || command === 'end' || command === 'note') {
    const onRefusalRead = guards.map((guard) => guard.key)
    const outcome = await store.txn({ guards, operations: [journal], onRefusalRead }, signal)
    if (outcome.committed) return outcome.revision
    const own = outcome.records.find((record) => record.key === key)
    throw refusal(own?.modRevision === modRevision ? (leadership?.guard.key ?? key) : key)
  }
  const range = view.range(entry.rangeId)
  if (range === undefined) throw new MeridianError('TRANSFER_ENDED', `range ${entry.rangeId} is gone`)
  const { keyspace, operation: transfer, target } = entry
  const on = { keyspace, start: range.start, transfer }
  const change: OwnershipCommand =
    command === 'commit' ? { ...on, kind: KINDS.commit, target } : { ...on, kind: KINDS[command] }
  const company = { guards, operations: () => [journal], refusal }
  const { revision } = await ownership.mutate(stepOperation(entry), change, signal, company)
  return revision
}

function after(entry: TransferEntry, { phase, note }: TransferStep, wallMs: number): TransferEntry {
  return { ...entry, opSeq: entry.opSeq + 1, phase, note, updatedWallMs: Math.round(wallMs) }
}

/** The step after the one that the journal shows; two who try the same step are one operation. */
function stepOperation({ operation, opSeq }: TransferEntry): OperationId {
  const hash = createHash('sha256').update(operation).digest('hex').slice(0, 40)
  return operationId(`step:${hash}:${opSeq + 1}`)
}
