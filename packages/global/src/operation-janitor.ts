import type { PhysicalClock } from '@meridian/hlc'
import type { Clock, Logger } from '@meridian/loop'
import { TXN_OPERATIONS_MAX } from '@meridian/store'
import type { Store } from '@meridian/store'
import { JOURNAL_PREFIX } from '@meridian/topology'
import { decodeJournal, hasEnded } from './journal.ts'
import { decodeOperation } from './operation-record.ts'

/** How long a repeated call is recognised, ms. A retry later than this may be executed again or refused. */
export const OPERATION_KEPT_MS = 60 * 60 * 1000
const SWEEP_EVERY_MS = 5 * 60 * 1000

/**
 * Deletes outcomes, and transfers and takeovers that have ended, older than OPERATION_KEPT_MS. Deleting one twice is
 * harmless, so no election is needed: every server sweeps, and each sweep deletes by mod revision what it saw.
 */
export async function sweepOperations(store: Store, wallMs: number, signal: AbortSignal): Promise<number> {
  const [operations, journal] = await Promise.all(
    ['/op/', JOURNAL_PREFIX].map((prefix) => store.list(prefix, { consistency: 'local', signal })),
  )
  const before = wallMs - OPERATION_KEPT_MS
  const old = [
    ...(operations?.records ?? []).filter((record) => decodeOperation(record.value).wallMs < before),
    ...(journal?.records ?? []).filter((record) => {
      const entry = decodeJournal(record.value)
      return hasEnded(entry) && entry.updatedWallMs < before
    }),
  ]
  const half = TXN_OPERATIONS_MAX / 2
  for (let at = 0; at < old.length; at += half) {
    const batch = old.slice(at, at + half)
    await store.txn(
      {
        guards: batch.map((record) => ({ kind: 'mod-revision', key: record.key, equals: record.modRevision })),
        operations: batch.map((record) => ({ kind: 'delete', key: record.key })),
      },
      signal,
    )
  }
  return old.length
}

/** Sweeps every five minutes until `signal` aborts. */
export async function runJanitor(
  store: Store,
  physical: PhysicalClock,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(SWEEP_EVERY_MS, signal).catch(() => {})
    if (signal.aborted) return
    try {
      const swept = await sweepOperations(store, physical.nowMs(), signal)
      if (swept > 0) log.debug({ swept }, 'operation records swept')
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'operation records not swept')
    }
  }
}
