import { silentLogger, systemClock } from '@meridian/loop'
import { ProbeServiceDefinition, TaxServiceDefinition } from '@meridian/protocol'
import type { Rtt, TaxRow } from '@meridian/protocol'
import { ChannelPool, implement, serve } from '@meridian/rpc'
import { Demand, RttMatrix, Surplus } from '@meridian/tax'
import type { TaxRecord } from '@meridian/tax'
import { regionId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import { ControlMeter, HAND_OVER } from './control-meter.ts'
import { collectDemand, demandOf, surplusOf } from './demand-collector.ts'
import { RttProber } from './rtt-prober.ts'
import { VoterPlaces } from './voter-places.ts'

const row = (operation: string, clientRegion: string, count: bigint, tier = 'global'): TaxRow => ({
  operation,
  tier,
  clientRegion,
  leaderRegion: 'us-east',
  count,
  floorMs: 70,
  p50Ms: 72,
  p99Ms: 80,
  maxMs: 81,
  ratioP50: 1.03,
  floorReason: '',
})

const heard: Rtt = {
  source: 'eu-west',
  target: 'ap-southeast',
  minMs: 187,
  p50Ms: 188,
  p99Ms: 190,
  samples: 30,
  oneWayMs: 94,
  oneWayErrorMs: 93.5,
  ageMs: 500n,
}

/** A server of eu-west that answers probes and tells what it heard and counted. */
async function westServer(rows: () => TaxRow[] = () => []) {
  const refuse = () => Promise.reject(new Error('not asked here'))
  return serve({
    listen: '127.0.0.1:0',
    log: silentLogger,
    services: [
      implement(ProbeServiceDefinition, { probe: () => Promise.resolve({ region: 'eu-west', receivedUs: 5_000n }) }),
      implement(TaxServiceDefinition, {
        getRtt: () => Promise.resolve({ rtts: [heard] }),
        getTax: () => Promise.resolve({ rows: rows() }),
        explainLeader: refuse,
        preferLeader: refuse,
      }),
    ],
  })
}

const west = (address: string) => [{ id: regionId('eu-west'), displayName: 'EU West', servers: [address] }]
/** A hundred times as fast, so that the pauses of a prober are milliseconds; round trips are a hundred times as long. */
const hasty = {
  nowMs: () => systemClock.nowMs() * 100,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
}

describe('RttProber', () => {
  it('measures the way to another region and learns what that one knows of others', async () => {
    await using server = await westServer()
    await using pool = new ChannelPool()
    const stop = new AbortController()
    const prober = new RttProber({
      region: 'us-east',
      regions: west(server.address),
      pool,
      clock: hasty,
      wallUs: () => 2_000n,
      random: () => 0.5,
      log: silentLogger,
    })
    const ended = prober.run(stop.signal)
    const untilMs = systemClock.nowMs() + 10_000
    while (prober.matrix.rows().length < 2 && systemClock.nowMs() < untilMs) await systemClock.sleep(5)
    stop.abort()
    await ended
    const [learned, measured] = prober.matrix.rows()
    expect(learned).toMatchObject({ source: 'eu-west', target: 'ap-southeast', minMs: 187, samples: 30 })
    expect(measured).toMatchObject({ source: 'us-east', target: 'eu-west' })
    expect(measured?.samples).toBeGreaterThanOrEqual(10)
  })
})

describe('demand', () => {
  it('is what clients had committed, not renewals, reads and what stays in a region', () => {
    const rows = [
      row('assign', 'us-east', 3n),
      row('split', 'us-east', 2n),
      row('split', 'eu-west', 1n),
      row('renew-region-lease', 'us-east', 900n),
      row('lookup', 'us-east', 50n),
      row('page', 'us-east', 70n, 'regional'),
    ]
    expect([...demandOf(rows)]).toEqual([
      ['us-east', 5],
      ['eu-west', 1],
    ])
  })

  it('is what came since a server was first asked, and a count that fell is of a new life', async () => {
    const counts = [100n, 104n, 3n]
    let asked = 0
    await using server = await westServer(() => [row('assign', 'eu-west', counts[Math.min(asked++, 2)] ?? 0n)])
    await using pool = new ChannelPool()
    const stop = new AbortController()
    const demand = new Demand({ nowMs: () => 0 })
    const surplus = new Surplus()
    const ended = collectDemand(demand, surplus, west(server.address), pool, hasty, silentLogger, stop.signal)
    const untilMs = systemClock.nowMs() + 10_000
    while (asked < 5 && systemClock.nowMs() < untilMs) await systemClock.sleep(5)
    stop.abort()
    await ended
    expect(demand.commits().get('eu-west')).toBe(7)
    expect(surplus.ms).toBe(2)
  })
})

describe('surplus', () => {
  it('is told of what clients had committed where the floor is known', () => {
    const timed = (operation: string, floorMs: number) => ({ ...row(operation, 'us-east', 3n), floorMs, p50Ms: 80 })
    const rows = [timed('assign', 75), timed('split', 0), timed('renew-region-lease', 70)]
    expect(surplusOf(rows)).toEqual([{ count: 3, p50Ms: 80, floorMs: 75 }])
  })
})

describe('VoterPlaces', () => {
  it('tells when another voter leads, and not when the first one is seen', async () => {
    await using cluster = new MemoryCluster({ members: ['us-east', 'eu-west', 'ap-southeast'] })
    await using store = new MemoryStore(cluster)
    const voters = new VoterPlaces(store, hasty, silentLogger)
    let changes = 0
    const stopListening = voters.onLeaderChange(() => (changes += 1))
    const stop = new AbortController()
    const ended = voters.run(stop.signal)
    const seen = async (leader: string) => {
      const untilMs = systemClock.nowMs() + 10_000
      while (voters.leader !== leader && systemClock.nowMs() < untilMs) await systemClock.sleep(1)
      expect(voters.leader).toBe(leader)
    }
    await seen('us-east')
    expect(changes).toBe(0)
    cluster.moveLeader('eu-west')
    await seen('eu-west')
    expect(changes).toBe(1)
    stopListening()
    cluster.moveLeader('us-east')
    await seen('us-east')
    expect(changes).toBe(1)
    stop.abort()
    await ended
  })
})

describe('ControlMeter', () => {
  it('sets an operation against the floor of the moment, and has none while the way is not known', async () => {
    await using cluster = new MemoryCluster({ members: ['us-east', 'eu-west', 'ap-southeast'] })
    await using store = new MemoryStore(cluster)
    const voters = new VoterPlaces(store, systemClock, silentLogger)
    const matrix = new RttMatrix({ nowMs: () => 0 })
    const told: TaxRecord[] = []
    const regionalFloor = {
      commits: (count: number) => ({ floorMs: 0.8 * count, reason: `${count} of 0.8 ms` }),
    }
    const meter = new ControlMeter('eu-west', matrix, voters, regionalFloor, {
      operation: (record) => told.push(record),
    })
    meter.global('assign', 150)
    expect(meter.tax.rows()).toMatchObject([{ leaderRegion: '', floorMs: undefined, ratioP50: undefined }])

    const stop = new AbortController()
    const ended = voters.run(stop.signal)
    while (voters.leader === undefined) await systemClock.sleep(1)
    for (const [source, target, rttMs] of [
      ['us-east', 'eu-west', 70],
      ['us-east', 'ap-southeast', 236],
      ['eu-west', 'ap-southeast', 187],
    ] as const) {
      const figures = { minMs: rttMs, p50Ms: rttMs, p99Ms: rttMs, oneWayMs: 0, oneWayErrorMs: rttMs / 2 }
      matrix.put(source, target, { ...figures, samples: 10, ageMs: 0 })
    }
    meter.global('assign', 147)
    meter.regional('page', 2)
    meter.regional(HAND_OVER, 8)
    stop.abort()
    await ended
    const [unknown, known, handOver, page] = meter.tax.rows()
    expect(unknown).toMatchObject({
      leaderRegion: '',
      count: 1,
      floorReason: 'nobody is known to lead the global tier',
    })
    expect(known).toMatchObject({ leaderRegion: 'us-east', clientRegion: 'eu-west', floorMs: 140 })
    expect(known?.ratioP50).toBeCloseTo(1.05, 1)
    expect(known?.floorReason).toBe('70.0 ms to the leader and back + 70.0 ms from it to its majority')
    expect(page).toMatchObject({ tier: 'regional', leaderRegion: 'eu-west', floorMs: 0.8, floorReason: '1 of 0.8 ms' })
    expect(page?.ratioP50).toBeCloseTo(2.5, 1)
    expect(handOver).toMatchObject({ operation: 'hand-over', floorMs: 1.6, floorReason: '2 of 0.8 ms' })
    expect(handOver?.ratioP50).toBeCloseTo(5, 1)
    expect(told.map(({ operation, floorMs }) => [operation, floorMs])).toEqual([
      ['assign', undefined],
      ['assign', 140],
      ['page', 0.8],
      ['hand-over', 1.6],
    ])
  })
})
