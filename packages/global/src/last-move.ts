import { guardedTxn } from '@meridian/store'
import type { Leadership, Store } from '@meridian/store'

const LAST_MOVE_KEY = '/leader/last-move'

/** When the leader of G last moved by somebody's will, wall ms; undefined when that was never written down. */
export async function readLastMove(store: Store, signal: AbortSignal): Promise<number | undefined> {
  const record = await store.get(LAST_MOVE_KEY, { signal })
  if (record === undefined) return undefined
  const wallMs = Number(Buffer.from(record.value).toString())
  return Number.isSafeInteger(wallMs) ? wallMs : undefined
}

/** So that whoever places the leader next keeps the rest after a move. */
export async function writeLastMove(
  store: Store,
  leadership: Leadership,
  wallMs: number,
  signal: AbortSignal,
): Promise<void> {
  const value = Buffer.from(String(Math.round(wallMs)))
  await guardedTxn(store, leadership, { guards: [], operations: [{ kind: 'put', key: LAST_MOVE_KEY, value }] }, signal)
}
