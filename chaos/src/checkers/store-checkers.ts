import type { Checker } from './checker.ts'
import { checkControllers } from './controllers.ts'
import { checkKeyGenerations } from './key-generations.ts'
import { checkLinearizable } from './linearizable.ts'
import { checkMetadata } from './metadata.ts'
import { checkMetadataWrites } from './metadata-writes.ts'
import { checkOneHistory } from './one-history.ts'
import { checkOneOwner } from './one-owner.ts'
import { checkOperationEffects } from './operation-effects.ts'
import { checkOperationOutcomes } from './operation-outcomes.ts'
import { checkRestoredStore } from './restored-store.ts'
import { checkShardLeaders } from './shard-leaders.ts'
import { checkStampOrder } from './stamp-order.ts'
import { checkSubordination } from './subordination.ts'
import { checkWitnessReplay } from './witness-replay.ts'

/** On what the stores committed, as witnesses saw it, and on what was asked of them. */
export const STORE_CHECKERS: readonly Checker[] = [
  {
    invariant: '',
    name: 'witness',
    says: 'what the witnesses saw leads to what the stores hold',
    needs: [['witness']],
    check: checkWitnessReplay,
  },
  {
    invariant: 'I1',
    name: 'one-owner',
    says: 'every key has one owner at every revision',
    needs: [['g.commit']],
    check: checkOneOwner,
  },
  {
    invariant: 'I2',
    name: 'generations',
    says: "a key's generation rises with owner and bounds",
    needs: [['g.commit']],
    check: checkKeyGenerations,
  },
  {
    invariant: 'I3',
    name: 'metadata',
    says: 'records are registers in the order of their revisions',
    needs: [['req.ok'], ['witness']],
    check: checkMetadata,
  },
  {
    invariant: 'I3',
    name: 'metadata-search',
    says: 'some order explains every answer about records',
    needs: [['req.ok']],
    check: (history) => checkLinearizable(history, 'meta'),
  },
  {
    invariant: 'I4',
    name: 'metadata-writes',
    says: 'no acknowledged write of metadata is lost',
    needs: [['req.ok'], ['witness']],
    check: checkMetadataWrites,
  },
  {
    invariant: 'I5',
    name: 'one-history',
    says: 'all logs of a store agree on what it committed',
    needs: [['witness']],
    check: checkOneHistory,
  },
  {
    invariant: 'I5',
    name: 'restored',
    says: 'after a restore all that is decided is new',
    needs: [['g.commit', 'e.commit']],
    check: checkRestoredStore,
  },
  {
    invariant: 'I6',
    name: 'subordination',
    says: 'regions commit only what G gave them',
    needs: [['g.commit'], ['e.commit']],
    check: checkSubordination,
  },
  {
    invariant: 'I7',
    name: 'one-leader',
    says: 'a token names one leader in one life',
    needs: [['e.commit']],
    check: checkShardLeaders,
  },
  {
    invariant: 'I8',
    name: 'controllers',
    says: 'only the elected controller commits',
    needs: [['elect'], ['ctl.act', 'g.commit', 'e.commit']],
    check: checkControllers,
  },
  {
    invariant: 'I31',
    name: 'stamp-order',
    says: 'stamps rise with revisions in each tier',
    needs: [['g.commit', 'e.commit']],
    check: checkStampOrder,
  },
  {
    invariant: 'I34',
    name: 'operations',
    says: 'an operation has one outcome',
    needs: [['g.commit']],
    check: checkOperationOutcomes,
  },
  {
    invariant: 'I34',
    name: 'effects',
    says: 'a step that is done again has the same effect',
    needs: [['ctl.act']],
    check: checkOperationEffects,
  },
]
