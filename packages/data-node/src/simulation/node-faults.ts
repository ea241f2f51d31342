import type { ReplicaResponse } from '../replica/replica-message.ts'
import { EMPTY_SHARD } from '../replica/replica-state.ts'
import type { DurableShard } from '../replica/replica-state.ts'

/** Ways to break a node outside its core; the core's own rules are broken through `Rules`. */
export interface NodeFaults {
  /** The disk keeps no promise but what its log implies. */
  readonly forgetsPromises?: boolean
  /** A crash takes the disk with it, and the node comes back under the same id all the same. */
  readonly losesDisk?: boolean
  /** Replies leave before the disk has what they say. */
  readonly repliesEarly?: boolean
  /** The table of duplicates is not part of what a disk and a new leader inherit. */
  readonly duplicatesInMemory?: boolean
  /** The table of duplicates forgets sessions that have been idle for a while. */
  readonly trimsDuplicates?: boolean
  /** A state that is sent to another replica leaves the table of duplicates behind. */
  readonly movesWithoutDuplicates?: boolean
  /** Any token may enter by the door. */
  readonly opensDoor?: boolean
  /** A lease counts from the moment its answer arrives. */
  readonly leasesFromReceipt?: boolean
  /** Whether the lease holds is looked up by a timer, and requests go by what it found. */
  readonly checksLeaseByTimer?: boolean
  /** A state counts from its first piece on. */
  readonly countsHalfStates?: boolean
  /** The age of a state counts from the moment the leader's word arrives. */
  readonly agesFromReceipt?: boolean
  /** A state is as young as the leader's word, whether it has come to it or not. */
  readonly agesWithoutWaiting?: boolean
  /** An index is an index, whatever log it is of. */
  readonly agesAcrossLogs?: boolean
  /** The region's authority is not looked at when a write is acknowledged. */
  readonly acknowledgesAnyway?: boolean
  /** Demotion answers "failed" where it must say "unknown". */
  readonly failsUnknown?: boolean
}

/** Entries after which an idle session is forgotten: a log has no other time. */
const IDLE_ENTRIES = 3

/** What a broken source makes of its answer. */
export function withheld(response: ReplicaResponse, faults: NodeFaults): ReplicaResponse {
  return faults.movesWithoutDuplicates === true && response.kind === 'state' ? { ...response, sessions: [] } : response
}

/** What a broken disk hands back at a start. */
export function spoiled(shard: DurableShard, faults: NodeFaults): DurableShard {
  if (faults.losesDisk === true) return EMPTY_SHARD
  if (faults.duplicatesInMemory === true) return { ...shard, checkpoint: { ...shard.checkpoint, sessions: [] } }
  if (faults.trimsDuplicates === true) {
    const sessions = shard.checkpoint.sessions.filter(
      ({ touched }) => touched > shard.checkpoint.appliedIndex - IDLE_ENTRIES,
    )
    return { ...shard, checkpoint: { ...shard.checkpoint, sessions } }
  }
  if (faults.forgetsPromises === true) return { ...shard, promised: shard.entries.at(-1)?.token ?? shard.base.token }
  return shard
}
