import type { Checker } from '../checker.ts'
import { checkActingAgain } from './acting-again.ts'
import { BOUNDS } from './bounds.ts'
import type { Bounds } from './bounds.ts'
import { checkCommitSeen } from './commit-seen.ts'
import { checkFreezesEnd, checkMovesEnd } from './moves-end.ts'
import { checkRedirects } from './redirects.ts'
import { checkNodeFailover, checkRegionFailover, checkTransferGap } from './reopened-shards.ts'

/** On how long things take. @param bounds those of the constants that the run was made with */
export function livenessCheckers(bounds: Bounds = BOUNDS): readonly Checker[] {
  return [
    {
      invariant: 'J1',
      name: 'acting-again',
      says: 'after a leader is struck another one acts',
      needs: [['fault.on'], ['ctl.act', 'req.inv']],
      check: (history) => checkActingAgain(history, bounds),
    },
    {
      invariant: 'J2',
      name: 'node-failover',
      says: 'shards of a dead node are writable again',
      needs: [['fault.on'], ['e.commit']],
      check: (history) => checkNodeFailover(history, bounds),
    },
    {
      invariant: 'J3',
      name: 'region-failover',
      says: 'ranges of a lost region are writable elsewhere',
      needs: [['fault.on'], ['g.commit'], ['e.commit']],
      check: (history) => checkRegionFailover(history, bounds),
    },
    {
      invariant: 'J4',
      name: 'transfer-gap',
      says: 'a planned transfer stops writes for a moment only',
      needs: [['move.freeze'], ['move.commit']],
      check: (history) => checkTransferGap(history, bounds),
    },
    {
      invariant: 'J5',
      name: 'commit-seen',
      says: 'what is committed is soon in every map',
      needs: [
        ['feed.apply', 'feed.resync'],
        ['g.commit', 'e.commit'],
      ],
      check: (history) => checkCommitSeen(history, bounds),
    },
    {
      invariant: 'J6',
      name: 'redirects',
      says: 'a request that went astray arrives with the next attempt',
      needs: [['req.refused', 'follow']],
      check: (history) => checkRedirects(history, bounds),
    },
    {
      invariant: 'J7',
      name: 'moves-end',
      says: 'no move stays undecided',
      needs: [['move.prepare', 'g.commit']],
      check: (history) => checkMovesEnd(history, bounds),
    },
    {
      invariant: 'J8',
      name: 'freezes-end',
      says: 'no freeze outlives its move',
      needs: [['move.abort'], ['move.freeze']],
      check: (history) => checkFreezesEnd(history, bounds),
    },
  ]
}
