import { nodeId, operationId, parseShardId } from '@meridian/topology'
import type { NodeId, OperationId, ShardId } from '@meridian/topology'

/**
 * - `joining`: `to` is fed, and counts for nothing.
 * - `joint`: `to` stands in the place of `from`; both sets count. There is no way back.
 * - `done`, `aborted`: over; kept for a while for whoever asks.
 */
export const MOVE_PHASES = ['joining', 'joint', 'done', 'aborted'] as const
export type MovePhase = (typeof MOVE_PHASES)[number]

/**
 * One record `/move/<operation>` of E: a replica of a shard goes from one node to another. What counts stands in the
 * page; this says for whom it is done and how it went.
 *
 *     {"operation":"m1","shardId":"7.3","from":"eu-a1","to":"eu-a4","phase":"joint","note":"","startedWallMs":1,
 *      "updatedWallMs":2}
 */
export interface ReplicaMove {
  readonly operation: OperationId
  readonly shardId: ShardId
  readonly from: NodeId
  readonly to: NodeId
  readonly phase: MovePhase
  /** What it waits for, or why it ended. */
  readonly note: string
  readonly startedWallMs: number
  readonly updatedWallMs: number
}

export const MOVE_PREFIX = '/move/'
export const moveKey = (operation: OperationId): string => MOVE_PREFIX + operation

export function isOver({ phase }: ReplicaMove): boolean {
  return phase === 'done' || phase === 'aborted'
}

export function encodeMove(move: ReplicaMove): Uint8Array {
  const { operation, shardId, from, to, phase, note, startedWallMs, updatedWallMs } = move
  for (const ms of [startedWallMs, updatedWallMs])
    if (!Number.isSafeInteger(ms)) throw new Error(`the record of move ${operation} is invalid: ${ms} ms`)
  return Buffer.from(JSON.stringify({ operation, shardId, from, to, phase, note, startedWallMs, updatedWallMs }))
}

/** @throws Error on bytes that this code did not write: corruption, not a request error */
export function decodeMove(bytes: Uint8Array): ReplicaMove {
  const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
  if (typeof parsed !== 'object' || parsed === null) throw malformed()
  const fields = parsed as Readonly<Record<string, unknown>>
  const text = (name: string): string => {
    const value = fields[name]
    if (typeof value !== 'string') throw malformed()
    return value
  }
  const whole = (name: string): number => {
    const value = fields[name]
    if (!Number.isSafeInteger(value)) throw malformed()
    return value as number
  }
  const phase = MOVE_PHASES.find((each) => each === fields['phase'])
  if (phase === undefined) throw malformed()
  return {
    operation: operationId(text('operation')),
    shardId: parseShardId(text('shardId')),
    from: nodeId(text('from')),
    to: nodeId(text('to')),
    phase,
    note: text('note'),
    startedWallMs: whole('startedWallMs'),
    updatedWallMs: whole('updatedWallMs'),
  }
}

function malformed(): Error {
  return new Error('the stored record of a move does not decode')
}
