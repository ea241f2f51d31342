import type { ShardId, Token } from '@meridian/topology'
import type { ShardRole } from '../fence/admit.ts'
import type { LogPosition } from '../replica/log-entry.ts'

export interface ShardStatus {
  readonly shardId: ShardId
  readonly role: ShardRole
  /** Of the newest record; undefined when none is held. */
  readonly token: string | undefined
  readonly promised: string
  readonly lastIndex: number
  readonly commitIndex: number
  readonly keys: number
  /** A state is being fetched that will replace this one. */
  readonly installing: boolean
  /** Entries of this shard that a higher generation went on without, kept until a person removes them. */
  readonly quarantined: number
}

/** Where a replica's log stands. */
export interface ShardPosition {
  readonly promised: Token
  readonly last: LogPosition
  readonly commitIndex: number
  readonly installing: boolean
  readonly quarantined: number
  readonly role: ShardRole
}
