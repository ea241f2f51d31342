import { tokensEqual, token } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lastPossible, LOG_START, meetingIndex } from './lineage.ts'
import type { LogEntry } from './log-entry.ts'
import { ReplicaLog } from './replica-log.ts'

/** A leader builds on a part of some log and appends: so every two logs of one world satisfy the matching rule. */
const worlds = fc.array(
  fc.record({
    on: fc.nat(20),
    keeps: fc.double({ min: 0, max: 1, noNaN: true }),
    appends: fc.integer({ min: 1, max: 5 }),
    newGeneration: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
)

function logsOf(leaders: typeof worlds extends fc.Arbitrary<infer T> ? T : never): LogEntry[][] {
  const logs: LogEntry[][] = [[]]
  let generation = 1
  let epoch = 0
  for (const leader of leaders) {
    const base = logs[leader.on % logs.length] ?? []
    const log = base.slice(0, Math.round(base.length * leader.keeps))
    if (leader.newGeneration) [generation, epoch] = [generation + 1, 1]
    else epoch += 1
    for (let count = leader.appends; count > 0; count--) {
      log.push({ index: log.length + 1, token: token(generation, epoch), session: '', items: [] })
    }
    logs.push(log)
  }
  return logs
}

const agreeUpTo = (a: readonly LogEntry[], b: readonly LogEntry[]): number => {
  const at = a.findIndex((entry, index) => {
    const other = b[index]
    return other === undefined || !tokensEqual(entry.token, other.token)
  })
  return at < 0 ? a.length : at
}

describe('the lineage of a log', () => {
  it('tells where two logs meet, however much of them is trimmed, and which token stood where', () => {
    fc.assert(
      fc.property(worlds, fc.nat(30), fc.nat(30), (leaders, trimA, trimB) => {
        const logs = logsOf(leaders)
        for (const a of logs) {
          for (const b of logs) {
            const left = new ReplicaLog(LOG_START, a)
            const right = new ReplicaLog(LOG_START, b)
            left.trimThrough(Math.min(trimA, a.length))
            right.trimThrough(Math.min(trimB, b.length))
            expect(meetingIndex(left.runs, left.lastIndex, right.runs, right.lastIndex)).toBe(agreeUpTo(a, b))
            for (const entry of a) expect(left.tokenAt(entry.index)).toEqual(entry.token)
          }
        }
      }),
    )
  })

  it('lets two logs find where they meet in as many steps as they have leaders', () => {
    fc.assert(
      fc.property(worlds, (leaders) => {
        const logs = logsOf(leaders)
        for (const a of logs) {
          for (const b of logs) {
            const leader = new ReplicaLog(LOG_START, a)
            const follower = new ReplicaLog(LOG_START, b)
            let at = leader.last
            let steps = 0
            while (!follower.matches(at)) {
              const hint = lastPossible(follower.runs, follower.lastIndex, at)
              const next = lastPossible(leader.runs, leader.lastIndex, hint)
              expect(next.index).toBeLessThan(at.index)
              at = { index: next.index, token: next.token }
              steps += 1
            }
            expect(at.index).toBe(agreeUpTo(a, b))
            expect(steps).toBeLessThanOrEqual(leader.runs.length + follower.runs.length)
          }
        }
      }),
    )
  })

  it('survives a truncation, and being the base of another log', () => {
    fc.assert(
      fc.property(worlds, fc.nat(30), fc.nat(30), (leaders, cut, base) => {
        const entries = logsOf(leaders).at(-1) ?? []
        const log = new ReplicaLog(LOG_START, entries)
        const from = 1 + (cut % entries.length)
        log.truncateFrom(from)
        expect(log.runs).toEqual(new ReplicaLog(LOG_START, entries.slice(0, from - 1)).runs)
        const at = base % from
        const rest = new ReplicaLog(log.baseAt(at), entries.slice(at))
        expect(rest.runs).toEqual(new ReplicaLog(LOG_START, entries).runs)
        expect(rest.last).toEqual(entries.at(-1))
      }),
    )
  })
})
