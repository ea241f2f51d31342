import { checkAbortedMoves } from './aborted-moves.ts'
import { checkAtomicMoves } from './atomic-moves.ts'
import { checkCausality } from './causality.ts'
import type { Checker } from './checker.ts'
import { checkClockSanity } from './clock-sanity.ts'

/** On hybrid clocks and on planned moves. */
export const CLOCK_AND_MOVE_CHECKERS: readonly Checker[] = [
  {
    invariant: 'I29',
    name: 'causality',
    says: 'an effect is stamped above its cause',
    needs: [['hlc.recv', 'hlc.merge']],
    check: checkCausality,
  },
  {
    invariant: 'I30',
    name: 'clock-sanity',
    says: 'clocks rise over restarts and follow nobody too far',
    needs: [['hlc.stamp', 'hlc.refuse']],
    check: checkClockSanity,
  },
  {
    invariant: 'I32',
    name: 'atomic-moves',
    says: 'a move takes every acknowledged write along',
    needs: [['move.activate'], ['node.serve']],
    check: checkAtomicMoves,
  },
  {
    invariant: 'I33',
    name: 'aborted-moves',
    says: 'an aborted move leaves everything as it was',
    needs: [['move.abort']],
    check: checkAbortedMoves,
  },
]
