import { checkAcknowledgedWrites } from './acknowledged-writes.ts'
import { checkAtMostOnce } from './at-most-once.ts'
import type { Checker } from './checker.ts'
import { checkClientTokens } from './client-tokens.ts'
import { checkDoor } from './door.ts'
import { checkFailedWrites } from './failed-writes.ts'
import { checkLeaseArithmetic } from './lease-arithmetic.ts'
import { checkLeaseReads } from './lease-reads.ts'
import { checkLinearizable } from './linearizable.ts'
import { checkLogOrder } from './log-order.ts'
import { checkQuarantine } from './quarantine.ts'
import { checkQuorumSeals } from './quorum-seals.ts'
import { checkRegionAuthority } from './region-authority.ts'
import { checkRegisters } from './registers.ts'
import { checkReplicaRatchet } from './replica-ratchet.ts'
import { checkTakeovers } from './takeovers.ts'

/** On who may serve a shard, on its replicas and on what clients were told. */
export const SHARD_CHECKERS: readonly Checker[] = [
  {
    invariant: 'I9',
    name: 'lease-reads',
    says: 'no read is older than a write under a higher token',
    needs: [
      ['node.check', 'req.ok'],
      ['node.serve', 'req.ok', 'write'],
    ],
    check: checkLeaseReads,
  },
  {
    invariant: 'I10',
    name: 'region-authority',
    says: 'no region acknowledges writes of a range that it lost',
    needs: [['node.serve'], ['g.commit']],
    check: checkRegionAuthority,
  },
  {
    invariant: 'I11',
    name: 'lease-arithmetic',
    says: 'leases count from sending, and end before the deadline',
    needs: [['node.check'], ['nl.ack', 'rl.confirm']],
    check: checkLeaseArithmetic,
  },
  {
    invariant: 'I12',
    name: 'takeovers',
    says: 'nothing is taken without silence, surrender or force',
    needs: [['take.commit']],
    check: checkTakeovers,
  },
  {
    invariant: 'I13',
    name: 'ratchet',
    says: 'what a replica promised never falls',
    needs: [['rep.accept', 'rep.seal'], ['rep.refuse']],
    check: checkReplicaRatchet,
  },
  {
    invariant: 'I14',
    name: 'seals',
    says: 'a quorum seals a token before it is served',
    needs: [['node.serve'], ['e.commit']],
    check: checkQuorumSeals,
  },
  {
    invariant: 'I15',
    name: 'log-order',
    says: 'log order is token order and real-time order',
    needs: [['req.ok', 'write']],
    check: checkLogOrder,
  },
  {
    invariant: 'I16',
    name: 'door',
    says: 'what is served carried exactly the token',
    needs: [['node.serve'], ['node.refuse']],
    check: checkDoor,
  },
  {
    invariant: 'I17',
    name: 'tokens',
    says: 'what a client is told never goes back',
    needs: [['req.ok', 'write']],
    check: checkClientTokens,
  },
  {
    invariant: 'I18',
    name: 'registers',
    says: 'keys are registers in the order of their indexes',
    needs: [['req.ok']],
    check: checkRegisters,
  },
  {
    invariant: 'I18',
    name: 'registers-search',
    says: 'some order explains every answer about keys',
    needs: [['req.ok']],
    check: (history) => checkLinearizable(history, 'data'),
  },
  {
    invariant: 'I19',
    name: 'no-loss',
    says: 'no acknowledged write is lost',
    needs: [
      ['req.ok', 'write'],
      ['log.end', 'scan'],
    ],
    check: checkAcknowledgedWrites,
  },
  {
    invariant: 'I20',
    name: 'at-most-once',
    says: 'no write is applied twice',
    needs: [['req.ok', 'write']],
    check: checkAtMostOnce,
  },
  {
    invariant: 'I21',
    name: 'failed',
    says: 'what was reported failed is nowhere',
    needs: [
      ['req.fail', 'write'],
      ['log.end', 'scan'],
    ],
    check: checkFailedWrites,
  },
  {
    invariant: 'I22',
    name: 'quarantine',
    says: 'what an unplanned takeover loses is declared',
    needs: [['req.ok', 'write'], ['log.end']],
    check: checkQuarantine,
  },
]
