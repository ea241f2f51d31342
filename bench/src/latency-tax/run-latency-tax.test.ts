import { WanMatrix } from '@meridian/lab'
import { expect, it } from 'vitest'
import { nearestVoters } from './run-latency-tax.ts'
import { raftTimers } from './world-files.ts'

const at: Readonly<Record<string, number>> = { a: 0, b: 10, c: 30, d: 100, e: 110 }
const rtt = (x: string, y: string) => Math.abs((at[x] ?? 0) - (at[y] ?? 0))

it.each([
  { voters: ['a', 'b', 'c'], leader: 'a', nearest: 'b' },
  { voters: ['c', 'b', 'a'], leader: 'a', nearest: 'b' },
  // Of five, b waits for a and c: without either its majority takes d.
  { voters: ['a', 'b', 'c', 'd', 'e'], leader: 'b', nearest: 'a' },
])('of $voters, $leader would miss $nearest most', ({ voters, leader, nearest }) => {
  expect(nearestVoters(voters, rtt)).toEqual({ leader, nearest })
})

it.each([
  { rttMs: 70, heartbeatMs: 200, electionMs: 2400 },
  { rttMs: 240, heartbeatMs: 200, electionMs: 2400 },
  { rttMs: 480, heartbeatMs: 400, electionMs: 4800 },
])('a largest round trip of $rttMs ms has elections of $electionMs ms', ({ rttMs, heartbeatMs, electionMs }) => {
  const region = (id: string) => ({ id, displayName: id, provider: id, latitude: 0, longitude: 0 })
  const matrix = new WanMatrix('pair', [region('a'), region('b')], new Map([['a b', rttMs]]))
  expect(raftTimers(matrix)).toEqual({ heartbeatMs, electionMs })
})
