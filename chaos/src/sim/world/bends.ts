import type { NodeStorage, Rules } from '@meridian/data-node/memory'
import type { Timing } from '@meridian/deploy'
import type { CeilingStore } from '@meridian/hlc'
import type { Txn, TxnOutcome } from '@meridian/store'
import type { MeridianError } from '@meridian/topology'
import type { Life } from '../kernel/process.ts'
import type { SimEtcd } from '../store/sim-etcd.ts'

/** What a response is the answer to. */
export interface Asked {
  readonly request: unknown
  /** By the caller's own clock. */
  readonly sentLocalMs: number
}

/**
 * Where a world can be bent so that the program seems to have a mistake: between it and its ports, and in the rules of
 * its replicas. Who records looks at what the program asked for and got, before and after, as in every other world.
 */
export interface Bends {
  readonly timing?: Partial<Timing>
  readonly rules?: Partial<Rules>
  /** What the store is asked, in place of what the program asked. */
  readonly txn?: (life: Life, store: string, txn: Txn) => Txn
  /** For how long a transaction is held up before it is sent, ms. */
  readonly txnDelayMs?: (life: Life, store: string, txn: Txn) => number
  /** The answer, without the store being asked; undefined: it is asked. */
  readonly outcome?: (life: Life, store: SimEtcd, txn: Txn) => TxnOutcome | undefined
  /** The revision that a linearizable read sees, in place of the newest. */
  readonly readAt?: (life: Life, store: SimEtcd) => bigint | undefined
  /** A linearizable read is answered although nobody leads the store. */
  readonly readsWithoutLeader?: boolean
  /** The term that members tell, in place of the one they are in. */
  readonly termOf?: (store: SimEtcd) => bigint
  /** The request as its handler gets it. */
  readonly request?: (server: Life, method: string, request: unknown) => unknown
  /** The response as its caller gets it. */
  readonly received?: (client: Life, method: string, response: unknown, asked: Asked) => unknown
  readonly error?: (client: Life, method: string, error: MeridianError) => MeridianError
  readonly storage?: (node: string, storage: NodeStorage) => NodeStorage
  readonly ceiling?: (server: Life, ceiling: CeilingStore) => CeilingStore
  /** What the clock shows to a handler of that method, in its first turn. */
  readonly handlerClock?: (server: Life, method: string, nowMs: number) => number
  /** What subscribers get of a message; undefined: nothing. */
  readonly feed?: (payload: Uint8Array) => Uint8Array | undefined
}
