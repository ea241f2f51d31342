import { GLOBAL_STREAM, incarnation, revision, START_POSITION } from '@meridian/topology'
import type { Position } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { FeedUpdate } from './feed-message.ts'
import { nextDeadlineMs, step } from './follower-core.ts'
import type { Step } from './follower-core.ts'
import { FETCH_MS_MAX, HELD_MESSAGES_MAX, HOLD_MS, initialState, SILENCE_MS, TAIL_MS } from './follower-state.ts'
import type { EventBody, Fetching, FollowerState, Following, Waiting } from './follower-state.ts'
import { enqueue, QUEUED_BYTES_MAX, QUEUED_MESSAGES_MAX } from './update-queue.ts'
import type { QueuedUpdate } from './update-queue.ts'

const NOW_MS = 10_000
const OURS = 'aaaaaaaaaaaaaaaa'
const OTHER = 'bbbbbbbbbbbbbbbb'

const at = (i: number, r: number): Position => ({ incarnation: incarnation(i), revision: revision(r) })
const message = (i: number, r: number, p: number, bytes = 10): FeedUpdate => ({
  position: at(i, r),
  previous: revision(p),
  changes: [{ key: `/node/${r}`, value: undefined }],
  bytes,
})
const update = (i: number, r: number, p: number): EventBody => ({ kind: 'update', update: message(i, r, p) })
const beacon = (i: number, r: number, digest = OURS, lagMs = 0, stamp = '5'): EventBody => ({
  kind: 'beacon',
  beacon: { position: at(i, r), digest, stamp, lagMs },
  digestHere: OURS,
})
const snapshot = (i: number, r: number, digest = OTHER, intact = true): EventBody => ({
  kind: 'snapshot-arrived',
  snapshot: { stream: GLOBAL_STREAM, position: at(i, r), records: new Map(), digest },
  intact,
  digestHere: OURS,
})
const take = (state: FollowerState, body: EventBody, nowMs = NOW_MS): Step => step(state, { ...body, nowMs, random: 0 })

/** At incarnation 2, revision 50. */
const following: Following = {
  kind: 'following',
  position: at(2, 50),
  origin: 'update',
  held: [],
  tail: undefined,
  heardMs: NOW_MS - 500,
  provenMs: NOW_MS - 500,
  stamp: '4',
  attempt: 0,
}
const fetching: Fetching = {
  kind: 'fetching',
  position: at(2, 50),
  floor: at(2, 50),
  origin: 'update',
  queue: [],
  doubted: { position: at(2, 50), sinceMs: NOW_MS - 200 },
  beganMs: NOW_MS - 10,
  heardMs: NOW_MS - 500,
  provenMs: NOW_MS - 500,
  stamp: '4',
  attempt: 1,
}
const waiting: Waiting = {
  kind: 'waiting',
  position: at(2, 50),
  floor: at(2, 50),
  origin: 'update',
  queue: [],
  doubted: { position: at(2, 50), sinceMs: NOW_MS - 200 },
  fetchAtMs: NOW_MS + 1500,
  heardMs: NOW_MS - 500,
  provenMs: NOW_MS - 500,
  stamp: '4',
  attempt: 1,
}

function summary([state, effects]: Step): string {
  const done = effects.map((effect) => {
    switch (effect.kind) {
      case 'count':
        return effect.what
      case 'resync':
      case 'alarm':
        return `${effect.kind}(${effect.reason})`
      case 'apply':
      case 'advance':
        return `${effect.kind} ${effect.position.revision}`
      case 'reset':
      case 'confirm':
      case 'discard':
      case 'fetch':
      case 'abandon-fetch':
        return effect.kind
    }
  })
  return [state.kind, `${state.position.incarnation}/${state.position.revision}`, ...done].join(' ')
}

const heldFor = (r: number, p: number, sinceMs: number): QueuedUpdate => ({ update: message(2, r, p), sinceMs })

describe('the rule for (i, r, p) at (2, 50)', () => {
  const snapshotAt50: Following = { ...following, origin: 'snapshot' }
  const beaconAt50: Following = { ...following, origin: 'beacon' }
  const cases: [string, Following, EventBody, string][] = [
    ['i < I: drop', following, update(1, 60, 50), 'following 2/50 dropped'],
    ['i > I: resync', following, update(3, 10, 5), 'waiting 2/50 resync(incarnation)'],
    ['r < R: duplicate', following, update(2, 40, 30), 'following 2/50 duplicates'],
    ['r = R: duplicate', following, update(2, 50, 40), 'following 2/50 duplicates'],
    ['p = R: apply', following, update(2, 57, 50), 'following 2/57 apply 57'],
    ['p < R < r after a snapshot: apply', snapshotAt50, update(2, 57, 40), 'following 2/57 apply 57'],
    ['p < R < r after a beacon: apply', beaconAt50, update(2, 57, 40), 'following 2/57 apply 57'],
    ['p > R: hold', following, update(2, 60, 55), 'following 2/50 gaps held'],
    [
      'p < R < r after an update: alarm',
      following,
      update(2, 57, 40),
      'waiting 2/50 alarm(revision-forgotten) resync(revision-forgotten)',
    ],
  ]
  for (const [name, state, event, expected] of cases) {
    it(name, () => expect(summary(take(state, event))).toBe(expected))
  }

  it('what was held follows as soon as the missing one is there, in order and without repeats', () => {
    let state: FollowerState = following
    for (const event of [update(2, 70, 60), update(2, 60, 55), update(2, 70, 60)]) [state] = take(state, event)
    expect(summary(take(state, update(2, 55, 50)))).toBe('following 2/70 apply 55 apply 60 apply 70')
  })

  it(`a gap is over after ${HOLD_MS} ms or more than ${HELD_MESSAGES_MAX} messages`, () => {
    let [state] = take(following, update(2, 60, 55))
    expect(nextDeadlineMs(state)).toBe(NOW_MS + HOLD_MS)
    expect(summary(take(state, { kind: 'tick' }, NOW_MS + HOLD_MS - 1))).toBe('following 2/50')
    expect(summary(take(state, { kind: 'tick' }, NOW_MS + HOLD_MS))).toBe('waiting 2/50 resync(gap)')
    for (let r = 61; r < 60 + HELD_MESSAGES_MAX; r++) [state] = take(state, update(2, r, r - 1))
    expect(state).toMatchObject({ kind: 'following', held: { length: HELD_MESSAGES_MAX } })
    expect(summary(take(state, update(2, 200, 199)))).toBe('waiting 2/50 resync(gap)')
  })
})

describe('the beacon rule at (2, 50)', () => {
  const cases: [string, EventBody, string][] = [
    ['older incarnation: drop', beacon(1, 90), 'following 2/50 dropped'],
    ['newer incarnation: resync', beacon(3, 1), 'waiting 2/50 resync(incarnation)'],
    ['behind us: nothing', beacon(2, 40, OTHER), 'following 2/50'],
    ['equal position and digest: nothing', beacon(2, 50), 'following 2/50'],
    [
      'equal position, unequal digest: discard, resync, alarm',
      beacon(2, 50, OTHER),
      'waiting 0/0 alarm(digest-mismatch) discard resync(digest-mismatch)',
    ],
    ['ahead of us with other records: wait', beacon(2, 60, OTHER), 'following 2/50'],
    ['ahead of us with our records: be there', beacon(2, 60), 'following 2/60 advance 60'],
  ]
  for (const [name, event, expected] of cases) it(name, () => expect(summary(take(following, event))).toBe(expected))

  it(`a lost tail is over after ${TAIL_MS} ms, unless its update comes`, () => {
    const [state] = take(following, beacon(2, 60, OTHER))
    expect(summary(take(state, { kind: 'tick' }, NOW_MS + TAIL_MS - 1))).toBe('following 2/50')
    expect(summary(take(state, { kind: 'tick' }, NOW_MS + TAIL_MS))).toBe('waiting 2/50 resync(lost-tail)')
    expect(take(state, update(2, 60, 50))[0]).toMatchObject({ kind: 'following', tail: undefined })
  })

  it('a position adopted from a beacon frees what was held behind it', () => {
    const state = { ...following, held: [heldFor(70, 60, NOW_MS)] }
    expect(summary(take(state, beacon(2, 60)))).toBe('following 2/70 advance 60 apply 70')
  })

  it(`${SILENCE_MS} ms of silence end in a poll, and a publisher cut off from its store is silent`, () => {
    const [live] = take(following, beacon(2, 50))
    const [deaf] = take(following, beacon(2, 50, OURS, SILENCE_MS))
    expect([live, deaf].map((state) => nextDeadlineMs(state))).toEqual([NOW_MS + SILENCE_MS, NOW_MS - 500 + SILENCE_MS])
    expect(summary(take(live, { kind: 'tick' }, NOW_MS + SILENCE_MS))).toBe('waiting 2/50 resync(silence)')
  })

  it('F6: a repeated beacon proves nothing of now, and a lagging one only its own time', () => {
    const proven = (body: EventBody, nowMs: number) => take(following, body, nowMs)[0].provenMs
    expect(proven(beacon(2, 50, OURS, 0, '5'), NOW_MS)).toBe(NOW_MS)
    expect(proven(beacon(2, 50, OURS, 200, '5'), NOW_MS)).toBe(NOW_MS - 200)
    expect(proven(beacon(2, 40, OTHER, 0, '5'), NOW_MS)).toBe(NOW_MS)
    expect(proven(beacon(2, 50, OURS, 0, '4'), NOW_MS)).toBe(NOW_MS - 500)
    expect(proven(beacon(2, 60, OTHER, 0, '5'), NOW_MS)).toBe(NOW_MS - 500)
  })
})

describe('a resync', () => {
  it('first waits for the subscription, but not for ever', () => {
    const start = initialState(0)
    expect(summary(take(start, { kind: 'tick' }, 999))).toBe('waiting 0/0')
    expect(summary(take(start, { kind: 'tick' }, 1000))).toBe('fetching 0/0 fetch')
    const [subscribed] = take(start, { kind: 'subscribed' }, 5)
    expect(summary(take(subscribed, { kind: 'tick' }, 5))).toBe('fetching 0/0 fetch')
  })

  const cases: [string, EventBody, string][] = [
    ['takes a later snapshot', snapshot(2, 60), 'following 2/60 reset'],
    ['takes one of a later incarnation, whatever its revision', snapshot(3, 1), 'following 3/1 reset'],
    ['F3: refuses an earlier one', snapshot(2, 49), 'waiting 2/50'],
    ['F3: refuses one of an earlier incarnation', snapshot(1, 90), 'waiting 2/50'],
    ['keeps its records when the snapshot has the same', snapshot(2, 50, OURS), 'following 2/50 confirm'],
    ['alarms when two maps are at one position', snapshot(2, 50), 'following 2/50 alarm(snapshot-differs) reset'],
    ['refuses a snapshot that is not intact', snapshot(2, 60, OTHER, false), 'waiting 2/50 alarm(snapshot-corrupt)'],
    ['F5: ignores a wish while it fetches', { kind: 'resync-requested', reason: 'test' }, 'fetching 2/50'],
    ['tries again after a failure', { kind: 'snapshot-failed' }, 'waiting 2/50'],
  ]
  for (const [name, event, expected] of cases) it(name, () => expect(summary(take(fetching, event))).toBe(expected))

  it('applies what arrived meanwhile by the same rule', () => {
    let state: FollowerState = fetching
    for (const event of [update(2, 49, 48), update(2, 70, 61), update(2, 61, 55)]) [state] = take(state, event)
    expect(summary(take(state, snapshot(2, 58)))).toBe('following 2/70 reset apply 61 apply 70')
    expect(summary(take(state, snapshot(3, 1)))).toBe('following 3/1 reset dropped dropped')
  })

  describe('keeps from the view nothing that is known to be next', () => {
    it('applies what follows on, also behind a gap that closes', () => {
      let state: FollowerState = fetching
      for (const event of [update(2, 70, 61), update(2, 61, 55)]) [state] = take(state, event)
      expect(summary(take(state, update(2, 55, 50)))).toBe('fetching 2/70 apply 55 apply 61 apply 70')
      expect(summary(take(waiting, update(2, 57, 50)))).toBe('waiting 2/57 apply 57')
      expect(summary(take(waiting, update(2, 57, 55)))).toBe('waiting 2/50')
    })

    it('and is not set back by a snapshot of what it has left behind since', () => {
      const [ahead] = take(fetching, update(2, 57, 50))
      expect(summary(take(ahead, snapshot(2, 55)))).toBe('following 2/57')
      expect(take(ahead, snapshot(2, 55))[0].provenMs).toBe(fetching.beganMs)
      // It is of before the doubt, or something is missing still.
      expect(summary(take(ahead, snapshot(2, 49)))).toBe('waiting 2/57')
      expect(summary(take(take(ahead, update(2, 90, 80))[0], snapshot(2, 55)))).toBe('waiting 2/57')
    })

    it('but builds nothing on a view whose history is over, whose chain is not true, or that is wrong', () => {
      for (const body of [update(3, 10, 5), beacon(3, 10), update(2, 57, 40), beacon(2, 50, OTHER)]) {
        const [doubted] = take(following, body)
        expect(take(doubted, update(2, 59, 50))[1]).toEqual([])
        expect(take(doubted, beacon(2, 60))[1]).toEqual([])
      }
      const [over] = take(fetching, update(3, 9, 8))
      expect(take(over, update(2, 57, 50))[1]).toEqual([])
    })

    it('finds meanwhile that its chain is not true', () => {
      expect(summary(take(fetching, update(2, 57, 40)))).toBe('fetching 2/50 alarm(revision-forgotten)')
    })
  })

  describe('and a beacon', () => {
    const cases: [string, EventBody, string][] = [
      ['of an older incarnation: drop', beacon(1, 90), 'waiting 2/50 dropped'],
      ['of a newer incarnation: the snapshot tells', beacon(3, 1), 'waiting 2/50'],
      ['that is further, with other records: the snapshot tells', beacon(2, 60, OTHER), 'waiting 2/50'],
      ['that shows the view complete: no doubt is left', beacon(2, 50), 'following 2/50'],
      ['that shows it to be that of a later position', beacon(2, 60), 'following 2/60 advance 60'],
      ['from before the doubt: it stays', beacon(2, 50, OURS, 300), 'waiting 2/50'],
      ['that is a repeat: the doubt stays', beacon(2, 50, OURS, 0, '4'), 'waiting 2/50'],
      ['that shows the view wrong: discard, alarm', beacon(2, 50, OTHER), 'waiting 0/0 alarm(digest-mismatch) discard'],
    ]
    for (const [name, event, expected] of cases) it(name, () => expect(summary(take(waiting, event))).toBe(expected))

    it('leaves a fetch under way', () => {
      expect(summary(take(fetching, beacon(2, 60)))).toBe('fetching 2/60 advance 60')
      expect(take(fetching, beacon(2, 60))[0].attempt).toBe(0)
    })

    it('does not end the wait for what is missing', () => {
      const [behind] = take(waiting, update(2, 70, 60))
      expect(summary(take(behind, beacon(2, 50)))).toBe('waiting 2/50')
      expect(summary(take(behind, beacon(2, 60)))).toBe('following 2/70 advance 60 apply 70')
    })
  })

  it('is soon tried again when the bus speaks after a silence', () => {
    const deaf = { ...waiting, attempt: 9, fetchAtMs: NOW_MS + 1900, heardMs: NOW_MS - SILENCE_MS }
    for (const body of [update(2, 90, 80), beacon(2, 60, OTHER)]) {
      expect(take(deaf, body)[0]).toMatchObject({ attempt: 0, fetchAtMs: NOW_MS + 100 })
      expect(take({ ...deaf, heardMs: NOW_MS - SILENCE_MS + 1 }, body)[0]).toMatchObject({ attempt: 9 })
      expect(take({ ...deaf, fetchAtMs: NOW_MS + 50 }, body)[0]).toMatchObject({ fetchAtMs: NOW_MS + 50 })
      expect(take({ ...fetching, attempt: 9, heardMs: NOW_MS - SILENCE_MS }, body)[0]).toMatchObject({ attempt: 0 })
    }
    // Its publisher is cut off from the store: nothing shows that anything works again.
    expect(take(deaf, beacon(2, 60, OTHER, SILENCE_MS))[0]).toMatchObject({ attempt: 9, fetchAtMs: NOW_MS + 1900 })
  })

  it('begins again when what arrived meanwhile is of a later incarnation', () => {
    const [state] = take(fetching, update(3, 9, 8))
    expect(summary(take(state, snapshot(2, 58)))).toBe('waiting 2/58 reset resync(incarnation)')
    expect(summary(take(state, snapshot(3, 8)))).toBe('following 3/9 reset apply 9')
  })

  it('after a discard still accepts nothing before the discarded position', () => {
    const [discarded] = take(following, beacon(2, 50, OTHER))
    const [state] = take(discarded, { kind: 'tick' }, nextDeadlineMs(discarded))
    expect(summary(take(state, snapshot(2, 49)))).toBe('waiting 0/0')
    expect(summary(take(state, snapshot(2, 50)))).toBe('following 2/50 reset')
  })

  it('gives up a fetch that takes too long', () => {
    expect(nextDeadlineMs(fetching)).toBe(NOW_MS - 10 + FETCH_MS_MAX)
    expect(summary(take(fetching, { kind: 'tick' }, NOW_MS - 10 + FETCH_MS_MAX))).toBe('waiting 2/50 abandon-fetch')
  })

  it('backs off while nothing confirms the view, and starts over when a beacon does', () => {
    const delays: number[] = []
    let state: FollowerState = following
    for (let i = 0; i < 8; i++) {
      ;[state] = take(state, { kind: 'resync-requested', reason: 'test' })
      delays.push(nextDeadlineMs(state) - NOW_MS)
      ;[state] = take(state, { kind: 'tick' }, nextDeadlineMs(state))
      ;[state] = take(state, snapshot(2, 60 + i))
    }
    expect(delays).toEqual([100, 200, 400, 800, 1000, 1000, 1000, 1000])
    expect(take(state, beacon(2, 67))[0].attempt).toBe(0)
  })
})

describe('the queue of updates', () => {
  it('is bounded by messages and by bytes, and loses the oldest', () => {
    let queue: readonly QueuedUpdate[] = []
    for (let r = 1; r <= QUEUED_MESSAGES_MAX + 5; r++) queue = enqueue(queue, heldFor(r, r - 1, 0))
    expect([queue.length, queue[0]?.update.position.revision]).toEqual([QUEUED_MESSAGES_MAX, 6n])
    queue = enqueue(queue, { update: message(2, 5000, 4999, QUEUED_BYTES_MAX - 10), sinceMs: 0 })
    expect(queue.map((queued) => queued.update.position.revision)).toEqual([1029n, 5000n])
  })

  it('keeps the lower of two links to one revision', () => {
    const [one] = enqueue(enqueue([], heldFor(9, 7, 1)), heldFor(9, 5, 2))
    expect(one).toEqual(heldFor(9, 5, 1))
  })

  it('starts at no position', () => expect(initialState(0).position).toEqual(START_POSITION))
})
