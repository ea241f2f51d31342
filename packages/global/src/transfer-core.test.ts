import {
  epoch,
  generation,
  keyOfText,
  keyspaceName,
  nodeId,
  operationId,
  rangeId,
  regionId,
  shardId,
} from '@meridian/topology'
import type { RangeDescriptor, ShardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { TransferEntry } from './journal.ts'
import { initialTransfer, step } from './transfer-core.ts'
import type { TransferEvent } from './transfer-core.ts'
import type { Position, TransferEffect, TransferFacts, TransferPage, TransferState } from './transfer-state.ts'

const [US, EU] = [regionId('us'), regionId('eu')]
const SHARDS = [0, 1].map((ordinal) => shardId(rangeId(1), ordinal))
const TOKEN = { generation: generation(1), epoch: epoch(2) }
const node = (name: string) => ({ nodeId: nodeId(name), address: `${name}.test:1` })
const REPLICAS = [node('eu-1'), node('eu-2'), node('eu-3')]

const entry: TransferEntry = {
  kind: 'transfer',
  operation: operationId('t'),
  opSeq: 3,
  keyspace: keyspaceName('k'),
  rangeId: rangeId(1),
  source: US,
  target: EU,
  generation: generation(1),
  phase: 'freeze',
  reason: '',
  startedWallMs: 0,
  updatedWallMs: 0,
  note: '',
}
const range: RangeDescriptor = {
  rangeId: rangeId(1),
  keyspace: keyspaceName('k'),
  start: keyOfText('a'),
  end: keyOfText('b'),
  owner: US,
  standbys: [EU],
  generation: generation(1),
  status: 'frozen',
  failover: 'auto',
  budgetMs: 0,
  operation: operationId('t'),
  stamp: { wallMs: 1, counter: 0, origin: 'us' },
}
const page = (role: TransferPage['role']): TransferPage => ({
  role,
  generation: generation(1),
  frozenFor: role === 'owner' ? entry.operation : undefined,
  shards: SHARDS.map((shard) => ({
    shardId: shard,
    leader: role === 'owner' ? node('us-1') : undefined,
    replicas: role === 'owner' ? [node('us-1')] : REPLICAS,
  })),
})
const facts: TransferFacts = { entry, range, source: page('owner'), target: page('standby'), objection: undefined }

const at = (shard: ShardId, lastIndex: bigint): Position => ({
  shardId: shard,
  lastIndex,
  lastToken: TOKEN,
  commitIndex: lastIndex,
  installing: false,
})

/** A transfer that is driven by hand. */
class Told {
  state: TransferState = initialTransfer(entry, 0)

  tell(event: TransferEvent): readonly TransferEffect[] {
    const [state, effects] = step(this.state, event)
    this.state = state
    return effects
  }

  look(): readonly TransferEffect[] {
    return this.tell({ kind: 'looked', nowMs: 1, facts })
  }

  /** Every replica of the target says how far it is with each of the shards that it was asked about. */
  answer(positions: ReadonlyMap<ShardId, bigint>): void {
    for (const { nodeId: replica } of REPLICAS) {
      const told = [...positions].map(([shard, index]) => at(shard, index))
      this.tell({ kind: 'positions', node: replica, asked: [...positions.keys()], positions: told })
    }
  }
}

function barred(): Told {
  const told = new Told()
  told.tell({ kind: 'barriers', barriers: SHARDS.map((shard) => ({ shardId: shard, token: TOKEN, index: 10n })) })
  return told
}

describe('a frozen transfer', () => {
  const [first, second] = SHARDS
  if (first === undefined || second === undefined) throw new Error('two shards')

  it('asks again about what lacks something, and still knows of the rest what it was told', () => {
    const told = barred()
    const asked = () => told.look().flatMap((effect) => (effect.kind === 'ask-positions' ? effect.shards : []))
    expect(new Set(asked())).toEqual(new Set(SHARDS))
    told.answer(
      new Map([
        [first, 10n],
        [second, 9n],
      ]),
    )
    expect(new Set(asked())).toEqual(new Set([second]))
    told.answer(new Map([[second, 10n]]))
    expect(told.look()).toMatchObject([{ kind: 'command', command: 'commit' }])
  })

  it('counts no replica that was asked about a shard and says nothing of it any more', () => {
    const told = barred()
    told.answer(
      new Map([
        [first, 10n],
        [second, 9n],
      ]),
    )
    for (const { nodeId: replica } of REPLICAS.slice(1)) {
      told.tell({ kind: 'positions', node: replica, asked: SHARDS, positions: [at(second, 10n)] })
    }
    expect(told.look().map(({ kind }) => kind)).toEqual(['ask-positions', 'ask-positions', 'ask-positions'])
  })
})
