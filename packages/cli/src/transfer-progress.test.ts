import { describe, expect, it } from 'vitest'
import { operationSample } from './operation-samples.ts'
import { beginProgress, lookAgain, phaseTimes } from './transfer-progress.ts'
import type { TransferProgress } from './transfer-progress.ts'

/** Looks at phases, each at its moment. */
function followed(...looks: readonly (readonly [string, number])[]): TransferProgress {
  const [[phase, atMs] = ['prepare', 0], ...rest] = looks
  return rest.reduce(
    (progress, [next, nowMs]) => lookAgain(progress, operationSample({ phase: next }), nowMs),
    beginProgress(operationSample({ phase }), atMs),
  )
}

describe('the phases of a transfer', () => {
  it('are told with how long each was seen', () => {
    const progress = followed(['prepare', 0], ['prepare', 100], ['follow', 200], ['freeze', 900], ['done', 1000])
    expect(phaseTimes(progress)).toEqual([
      { phase: 'prepare', ms: 200 },
      { phase: 'follow', ms: 700 },
      { phase: 'freeze', ms: 100 },
      { phase: 'done', ms: 0 },
    ])
  })

  it('bound how long no writes were taken by the looks around it', () => {
    expect(followed(['follow', 0], ['freeze', 100], ['catch-up', 200], ['clean', 300]).frozenMsMax).toBe(300)
    expect(followed(['follow', 0], ['follow', 100], ['commit', 200], ['done', 300]).frozenMsMax).toBe(200)
    expect(followed(['follow', 0], ['freeze', 100], ['aborting', 200], ['aborted', 9000]).frozenMsMax).toBe(200)
  })

  it('leave that bound open while it is frozen, when no look caught it, and when one came too late', () => {
    expect(followed(['follow', 0], ['freeze', 100]).frozenMsMax).toBeUndefined()
    expect(followed(['follow', 0], ['clean', 100]).frozenMsMax).toBeUndefined()
    expect(followed(['freeze', 0], ['clean', 100]).frozenMsMax).toBeUndefined()
  })
})
