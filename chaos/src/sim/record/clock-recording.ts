import { compareTimestamps, formatTimestamp, ZERO_TIMESTAMP } from '@meridian/hlc'
import type { ClockTap } from '@meridian/hlc'
import type { Life } from '../kernel/process.ts'
import type { SimRecorder } from './sim-recorder.ts'

/**
 * What the clock does that stamps the commits of a region server. Stamps are unlike each other, and the records that carry
 * them are known by theirs: it is their name as messages.
 */
export function clockTapOf(recorder: SimRecorder, life: Life): ClockTap {
  return {
    issued: (issued, ptMs) => {
      const stamp = formatTimestamp(issued)
      recorder.by(life, { kind: 'hlc.stamp', stamp, ptMs, message: stamp })
    },
    observed: (committed, outcome, ptMs) => {
      // A tier begins with it: nobody's clock made it.
      if (compareTimestamps(committed, ZERO_TIMESTAMP) === 0) return
      const theirs = formatTimestamp(committed)
      recorder.by(life, { kind: outcome === 'merged' ? 'hlc.merge' : 'hlc.refuse', message: theirs, theirs, ptMs })
    },
  }
}
