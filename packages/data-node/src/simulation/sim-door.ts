import type { Token } from '@meridian/topology'
import type { ConfirmedIndex } from '../replica/freshness.ts'
import type { WriteItem } from '../replica/log-entry.ts'
import type { ReplicaState } from '../replica/replica-state.ts'
import type { ItemOutcome, StoredValue } from '../replica/shard-state.ts'

export type ClientAnswer =
  | { readonly kind: 'written'; readonly outcomes: readonly ItemOutcome[]; readonly under: Token }
  | {
      readonly kind: 'value'
      readonly stored: StoredValue | undefined
      readonly readIndex: number
      readonly readToken: Token
    }
  | { readonly kind: 'refused'; readonly code: string }
  /** `atMs` and `boundMs` by the clock that never errs. */
  | {
      readonly kind: 'stale'
      readonly stored: StoredValue | undefined
      readonly readIndex: number
      readonly readToken: Token
      readonly atMs: number
      readonly boundMs: number
    }
  | { readonly kind: 'confirmed'; readonly confirmed: ConfirmedIndex }
  | { readonly kind: 'unknown' }

export type ClientRequest =
  | { readonly kind: 'write'; readonly token: Token; readonly session: string; readonly items: readonly WriteItem[] }
  | { readonly kind: 'read'; readonly token: Token; readonly key: WriteItem['key']; readonly lease: boolean }
  | { readonly kind: 'stale'; readonly token: Token; readonly key: WriteItem['key']; readonly maxMs: number }
  /** Of a replica, to the leader. */
  | { readonly kind: 'index'; readonly token: Token }

export const NOT_VOUCHED: ClientAnswer = { kind: 'refused', code: 'NO_REGION_LEASE' }

export function valueOf(state: ReplicaState, key: WriteItem['key']): ClientAnswer {
  const readIndex = state.shard.appliedIndex
  const readToken = state.log.tokenAt(readIndex)
  if (readToken === undefined) throw new Error(`simulation: nobody wrote the entry ${readIndex} that was applied`)
  return { kind: 'value', stored: state.shard.get(key), readIndex, readToken }
}
