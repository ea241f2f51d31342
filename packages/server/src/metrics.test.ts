import { RttMatrix } from '@meridian/tax'
import { expect, it } from 'vitest'
import { ServerMetrics } from './metrics.ts'

it('tells Prometheus what operations took, what distance is and what is left of the lease', async () => {
  const matrix = new RttMatrix({ nowMs: () => 0 })
  const metrics = new ServerMetrics('eu-west', matrix, () => 7000)
  const figures = { minMs: 187, p50Ms: 187, p99Ms: 187, oneWayMs: 0, oneWayErrorMs: 93.5 }
  matrix.put('eu-west', 'ap-southeast', { ...figures, samples: 10, ageMs: 0 })
  metrics.operation({
    operation: 'assign',
    tier: 'global',
    clientRegion: 'eu-west',
    leaderRegion: 'us-east',
    floorMs: 140,
    floorReason: '',
    actualMs: 147,
  })
  const { text } = await metrics.text()
  expect(text).toContain('meridian_tax_ratio_count{operation="assign",tier="global",client_region="eu-west"')
  expect(text).toContain('meridian_rtt_seconds{source="eu-west",target="ap-southeast",figure="min"} 0.187')
  expect(text).toContain('meridian_region_lease_remaining_seconds 7\n')
})
