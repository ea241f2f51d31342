import type { LeaderExplanation } from '@meridian/global'
import { PLACEMENT_DEFAULTS } from '@meridian/tax'
import type { Call } from '@meridian/rpc'
import { describe, expect, it } from 'vitest'
import type { ServerParts, TaxControl } from './parts.ts'
import { probeHandlers, taxHandlers } from './tax-handlers.ts'

const call: Call = { signal: AbortSignal.timeout(5000), peer: 'test' }

const explanation: LeaderExplanation = {
  objective: { kind: 'mean' },
  leader: 'us-east',
  preferred: undefined,
  candidates: [
    {
      region: 'us-east',
      costMs: 100.5,
      quorumMs: 70.5,
      obstacle: '',
      clients: [{ region: 'us-east', demand: 1, floorMs: 70.5 }],
    },
    {
      region: 'eu-west',
      costMs: undefined,
      quorumMs: undefined,
      obstacle: 'it does not answer',
      clients: [{ region: 'us-east', demand: 1, floorMs: undefined }],
    },
  ],
  surplusMs: 4.5,
  decision: 'stay in us-east',
  reason: 'us-east is the cheapest at 100.5 ms',
  decidedMs: 1234.5,
  placement: PLACEMENT_DEFAULTS,
}

function handlers(change: Partial<TaxControl> = {}) {
  const preferred: (string | undefined)[] = []
  const tax: TaxControl = {
    wallUs: () => 42n,
    rtts: () => [
      {
        source: 'us-east',
        target: 'eu-west',
        minMs: 70.5,
        p50Ms: 71,
        p99Ms: 80,
        samples: 30,
        oneWayMs: 35,
        oneWayErrorMs: 35.25,
        ageMs: 1999.6,
      },
    ],
    rows: () => [
      {
        operation: 'assign',
        tier: 'global',
        clientRegion: 'us-east',
        leaderRegion: 'eu-west',
        count: 3,
        floorMs: undefined,
        floorReason: 'not known',
        p50Ms: 142,
        p99Ms: 150,
        maxMs: 151,
        ratioP50: undefined,
      },
    ],
    explanation: () => explanation,
    askPlacer: () => Promise.reject(new Error('asked elsewhere')),
    voterRegions: () => Promise.resolve(['us-east', 'eu-west']),
    prefer: (region) => {
      preferred.push(region)
      return Promise.resolve()
    },
    ...change,
  }
  // The handlers of this file read these three parts only.
  const parts = () => ({ tax, region: 'us-east', server: 'us-east-s1' }) as unknown as ServerParts
  return { ...taxHandlers(parts), ...probeHandlers(parts), preferred }
}

describe('tax handlers', () => {
  it('answer a probe with the clock', async () => {
    expect(await handlers().probe({ source: 'eu-west', sentUs: 1n }, call)).toEqual({
      region: 'us-east',
      receivedUs: 42n,
    })
  })

  it('tell round trips with whole ages, and unknown floors as 0', async () => {
    const { rtts } = await handlers().getRtt({}, call)
    expect(rtts).toMatchObject([{ minMs: 70.5, samples: 30, ageMs: 2000n }])
    const { rows } = await handlers().getTax({}, call)
    expect(rows).toMatchObject([{ count: 3n, floorMs: 0, floorReason: 'not known', ratioP50: 0, p50Ms: 142 }])
  })

  it('explain what this server decided, and else ask the one that decides', async () => {
    expect(await handlers().explainLeader({}, call)).toMatchObject({
      objective: 'mean',
      leader: 'us-east',
      placer: 'us-east-s1',
      preferred: '',
      decidedMs: 1235n,
      settings: { hysteresisShare: 0.1, hysteresisMs: 5n, holdMs: 30_000n, cooldownMs: 300_000n },
      surplusMs: 4.5,
      candidates: [
        { region: 'us-east', costMs: 100.5, clients: [{ floorMs: 70.5 }] },
        { region: 'eu-west', quorumMs: 0, obstacle: 'it does not answer', clients: [{ floorMs: 0 }] },
      ],
    })
    await expect(handlers({ explanation: () => undefined }).explainLeader({}, call)).rejects.toThrow('asked elsewhere')
  })

  it('take a preference for the place of a voter only, and withdraw it', async () => {
    const { preferLeader, preferred } = handlers()
    expect(await preferLeader({ region: 'eu-west' }, call)).toEqual({ preferred: 'eu-west' })
    expect(await preferLeader({ region: '' }, call)).toEqual({ preferred: '' })
    await expect(preferLeader({ region: 'mars' }, call)).rejects.toMatchObject({ code: 'REGION_UNKNOWN' })
    expect(preferred).toEqual(['eu-west', undefined])
  })
})
