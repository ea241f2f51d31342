import type { ErrorCode, Key, NodeId, ShardId, Token } from '@meridian/topology'
import type { WriteIdentity } from './session.ts'

/** What a client did, for recorders of histories and for people who ask why something took so long. */
export type ClientEvent =
  /** A request left for a node. */
  | {
      readonly kind: 'attempt'
      readonly operation: 'write' | 'read' | 'scan'
      readonly shard: ShardId
      readonly node: NodeId
      readonly token: Token
      readonly items: number
    }
  /** A node said no, or nobody answered; `adopted`: the refusal carried a newer record and the map took it. */
  | {
      readonly kind: 'refused'
      readonly operation: 'write' | 'read' | 'scan'
      readonly shard: ShardId
      readonly node: NodeId
      readonly token: Token
      readonly code: ErrorCode
      readonly adopted: boolean
    }
  /** One write's end. */
  | {
      readonly kind: 'write'
      readonly key: Key
      readonly identity: WriteIdentity
      readonly status: 'ok' | 'failed' | 'unknown'
      readonly index: bigint | undefined
      readonly token: Token | undefined
    }

export type ClientObserver = (event: ClientEvent) => void
