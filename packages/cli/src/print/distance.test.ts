import type { ExplainLeaderResponse, Rtt, TaxRow } from '@meridian/protocol'
import { describe, expect, it } from 'vitest'
import { leaderJson, leaderLines } from './leader.ts'
import { plain } from './paint.ts'
import { rttJson, rttLines } from './rtt.ts'
import { taxJson, taxLines } from './tax.ts'

const layout = { width: 80, paint: plain }

describe('round trips', () => {
  const rtt: Rtt = {
    source: 'us-east',
    target: 'ap-southeast',
    minMs: 235.84,
    p50Ms: 236.1,
    p99Ms: 251.6,
    samples: 30,
    oneWayMs: 117.9,
    oneWayErrorMs: 117.92,
    ageMs: 1234n,
  }

  it('are a row per ordered pair', () => {
    expect(rttLines([rtt], layout).slice(0, 2)).toEqual([
      'source   target        min ms    p50    p99       one way  samples    age',
      'us-east  ap-southeast   235.8  236.1  251.6  117.9 ±117.9       30  1.2 s',
    ])
    expect(rttLines([], layout)).toEqual(['nothing measured yet'])
  })

  it('are numbers for machines', () => {
    expect(rttJson([rtt])).toEqual({ rtts: [{ ...rtt, ageMs: 1234 }] })
  })

  it('from anybody obey the width and the terminal', () => {
    const lines = rttLines([{ ...rtt, source: 'x'.repeat(90), target: '\u001b[2J' }], layout)
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(layout.width)
      expect(line).not.toContain('\u001b')
    }
  })
})

describe('the tax', () => {
  const global: TaxRow = {
    operation: 'assign',
    tier: 'global',
    clientRegion: 'eu-west',
    leaderRegion: 'us-east',
    count: 12n,
    floorMs: 141,
    p50Ms: 145.2,
    p99Ms: 151.9,
    maxMs: 160,
    ratioP50: 1.0298,
    floorReason: '70.5 ms to the leader and back + 70.5 ms from it to its majority',
  }
  const regional: TaxRow = {
    ...global,
    operation: 'page',
    tier: 'regional',
    leaderRegion: 'eu-west',
    floorMs: 0.84,
    p50Ms: 2.1,
    p99Ms: 3.4,
    ratioP50: 2.5,
    floorReason: 'confirmed read 0.61 ms + fsync 0.23 ms',
  }

  it('is a row per kind, global first, and what the floors are made of', () => {
    expect(taxLines([regional, global], layout)).toEqual([
      'tier  operation  client   leader   count  floor  p50 ms    p99    tax',
      'G     assign     eu-west  us-east     12  141.0   145.2  151.9  1.03x',
      'E     page       eu-west  eu-west     12   0.84     2.1    3.4  2.50x',
      '',
      'Floors, ms',
      'G, eu-west by us-east: 70.5 ms to the leader and back + 70.5 ms from it to its',
      '  majority',
      'E, eu-west by eu-west: confirmed read 0.61 ms + fsync 0.23 ms',
    ])
  })

  it('is null for machines where it is not known', () => {
    const floorReason = 'the tier and the disk have not been measured yet'
    const unknown = { ...regional, floorMs: 0, ratioP50: 0, floorReason }
    expect(taxJson([unknown])).toMatchObject({ rows: [{ count: 12, floorMs: null, ratioP50: null, floorReason }] })
    expect(taxLines([unknown], layout)[1]).toBe('E     page       eu-west  eu-west     12      -     2.1  3.4    -')
  })

  it('says once what several kinds have for a floor', () => {
    const lines = taxLines([global, { ...global, operation: 'split' }], layout)
    expect(lines.filter((line) => line.includes('majority') || line.includes('to the leader'))).toHaveLength(2)
  })
})

describe('the leader', () => {
  const clients = (...floors: number[]) =>
    ['us-east', 'eu-west'].map((region, at) => ({ region, demand: at === 0 ? 0.75 : 0.25, floorMs: floors[at] ?? 0 }))
  const answer: ExplainLeaderResponse = {
    objective: 'mean',
    leader: 'us-east',
    placer: 'eu-west-s1',
    candidates: [
      { region: 'us-east', costMs: 88.1, quorumMs: 70.5, obstacle: '', clients: clients(70.5, 141) },
      { region: 'eu-west', quorumMs: 0, obstacle: 'it does not answer', clients: clients() },
    ],
    decision: 'stay in us-east',
    reason: 'us-east is the cheapest at 88.1 ms',
    decidedMs: 42_000n,
    preferred: '',
    surplusMs: 4.26,
    settings: { hysteresisShare: 0.125, hysteresisMs: 5n, holdMs: 30_000n, cooldownMs: 300_000n },
  }

  it('is explained by its candidates', () => {
    expect(leaderLines(answer, layout)).toEqual([
      'leader       us-east',
      'preferred    none: the objective decides',
      'objective    mean: what commits cost in the mean over the demand',
      'moves        for a saving of 12.5% and 5 ms that lasted 30.0 s, not again for',
      '             5.0 min',
      'decision     stay in us-east, for 42.0 s, by eu-west-s1',
      'because      us-east is the cheapest at 88.1 ms',
      'demand       us-east 75%, eu-west 25%',
      'beyond       commits take 4.3 ms beyond the least, whoever leads',
      '',
      'leader   cost ms  quorum  us-east  eu-west',
      'us-east     88.1    70.5     70.5    141.0',
      'eu-west        -       -        -        -',
      '',
      'eu-west: it does not answer',
    ])
  })

  it('has null for machines where costs are not known', () => {
    expect(leaderJson(answer)).toMatchObject({
      decidedMs: 42_000,
      settings: { hysteresisShare: 0.125, hysteresisMs: 5, holdMs: 30_000, cooldownMs: 300_000 },
      candidates: [{ costMs: 88.1 }, { costMs: null, quorumMs: null, clients: [{ floorMs: null }, { floorMs: null }] }],
    })
  })
})
