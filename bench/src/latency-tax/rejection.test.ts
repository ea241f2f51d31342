import type { RttLookup } from '@meridian/tax'
import { describe, expect, it } from 'vitest'
import { linksOfCell, rejectionOf } from './rejection.ts'
import type { CellCircumstances } from './rejection.ts'

const rtts =
  (ab: number, ac: number): RttLookup =>
  (_, y) =>
    y === 'b' ? ab : ac
const leader = { region: 'a', term: 7n }
const calm: CellCircumstances = {
  links: linksOfCell('a', ['a', 'b', 'c']),
  rttBefore: rtts(30, 200),
  rttAfter: rtts(30, 200),
  leaderBefore: leader,
  leaderAfter: leader,
  loopDelayP99Ms: 5,
  failures: [],
}

describe('a cell', () => {
  it.each<{ what: string; change: Partial<CellCircumstances>; reason: RegExp | null }>([
    { what: 'in calm', change: {}, reason: null },
    { what: 'with a link that moved by less than both bounds', change: { rttAfter: rtts(30.29, 199.6) }, reason: null },
    {
      what: 'with a short link that moved by more than 1 %',
      change: { rttAfter: rtts(30.31, 200) },
      reason: /^calibration of a - b moved from 30.00 to 30.31 ms$/,
    },
    {
      what: 'with a long link that moved by more than 0.5 ms',
      change: { rttAfter: rtts(30, 199.4) },
      reason: /^calibration of a - c/,
    },
    {
      what: 'whose leader moved',
      change: { leaderAfter: { region: 'b', term: 8n } },
      reason: /^the leader changed: a in term 7, b in term 8$/,
    },
    {
      what: 'whose leader went and came back',
      change: { leaderAfter: { region: 'a', term: 9n } },
      reason: /^the leader changed/,
    },
    {
      what: 'whose driver stalled',
      change: { loopDelayP99Ms: 5.01 },
      reason: /^the driver's event loop was 5.0 ms late at p99$/,
    },
    {
      what: 'with a failure',
      change: { failures: [{ name: 'assign', count: 2, first: 'gone' }] },
      reason: /^2 of assign failed: gone$/,
    },
    {
      what: 'with two reasons',
      change: { loopDelayP99Ms: 9, rttAfter: rtts(31, 200) },
      reason: /moved .*; the driver/,
    },
  ])('$what', ({ change, reason }) => {
    const rejected = rejectionOf({ ...calm, ...change })
    if (reason === null) expect(rejected).toBeNull()
    else expect(rejected).toMatch(reason)
  })

  it('rests on the links of its leader', () => {
    expect(linksOfCell('b', ['a', 'b', 'c'])).toEqual([
      ['b', 'a'],
      ['b', 'c'],
    ])
  })
})
