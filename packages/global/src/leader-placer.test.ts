import { LoopScope, silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import { PLACEMENT_DEFAULTS, RttMatrix } from '@meridian/tax'
import type { Demand, Objective } from '@meridian/tax'
import { drainKey, regionId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { LeaderPlacer } from './leader-placer.ts'
import { writeLeaderPreference } from './leader-preference.ts'

const REGIONS = ['us-east', 'eu-west', 'ap-southeast']
const RTTS: Readonly<Record<string, number>> = {
  'us-east eu-west': 70.5,
  'us-east ap-southeast': 235.8,
  'eu-west ap-southeast': 186.6,
}
const signal = AbortSignal.timeout(30_000)

/** A placer over three voters on a manual clock; `second` elects another one after it. */
async function placing(commits: Readonly<Record<string, number>> = {}, objective: Objective = { kind: 'mean' }) {
  const clock = new ManualClock()
  const cluster = new MemoryCluster({ clock, members: REGIONS.map((region) => `${region}-voter`) })
  const matrix = new RttMatrix({ nowMs: () => clock.nowMs() })
  const measure = () => {
    for (const [pair, rttMs] of Object.entries(RTTS)) {
      const [source = '', target = ''] = pair.split(' ')
      const figures = { minMs: rttMs, p50Ms: rttMs, p99Ms: rttMs, oneWayMs: rttMs / 2, oneWayErrorMs: rttMs / 2 }
      matrix.put(source, target, { ...figures, samples: 9, ageMs: 0 })
    }
  }
  const stack = new AsyncDisposableStack()
  const elect = () => {
    const store = stack.use(new MemoryStore(cluster))
    const scope = new LoopScope(silentLogger, (_, error) => {
      throw error
    })
    const placer = new LeaderPlacer({
      store,
      address: 'here:1',
      electionTtlMs: 5000,
      regionOf: (name) => name.replace(/-voter$/, ''),
      matrix,
      collectDemand: async (demand: Demand) => {
        for (const [region, count] of Object.entries(commits)) demand.record(region, count)
      },
      objective,
      placement: PLACEMENT_DEFAULTS,
      clock,
      wallMs: () => 1_800_000_000_000 + clock.nowMs(),
      log: silentLogger,
      random: () => 0.5,
    })
    scope.start('placer', (ended) => placer.run(ended))
    return { placer, store, stop: () => scope[Symbol.asyncDispose]() }
  }
  const first = elect()
  stack.defer(first.stop)
  const seconds = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      measure()
      await clock.advance(1000)
    }
  }
  await seconds(1)
  return { ...first, cluster, elect, seconds, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe('LeaderPlacer', () => {
  it('leaves the leader where another place saves too little, and says so', async () => {
    await using s = await placing()
    await s.seconds(60)
    expect(s.cluster.leader).toBe('us-east-voter')
    const told = s.placer.explanation()
    expect(told).toMatchObject({ leader: 'us-east', decision: 'stay in us-east', objective: { kind: 'mean' } })
    expect(told?.candidates.map(({ region }) => region)).toEqual(['eu-west', 'us-east', 'ap-southeast'])
    expect(told?.reason).toContain('saves less than')
  })

  it('moves it to where the demand is once that has held, and rests', async () => {
    await using s = await placing({ 'eu-west': 1000 })
    await s.seconds(25)
    expect(s.cluster.leader).toBe('us-east-voter')
    await s.seconds(10)
    expect(s.cluster.leader).toBe('eu-west-voter')
  })

  it('obeys a preference at once, and goes back to costs without one', async () => {
    await using s = await placing()
    await writeLeaderPreference(s.store, regionId('ap-southeast'), signal)
    await s.seconds(5)
    expect(s.cluster.leader).toBe('ap-southeast-voter')
    expect(s.placer.explanation()).toMatchObject({ preferred: 'ap-southeast', reason: 'ap-southeast is asked for' })
    await writeLeaderPreference(s.store, undefined, signal)
    await s.seconds(120)
    expect(s.cluster.leader).toBe('ap-southeast-voter')
    expect(s.placer.explanation()?.reason).toContain('recent')
    await s.seconds(200)
    expect(s.cluster.leader).toBe('eu-west-voter')
  })

  it('does not undo what somebody moved by hand, nor does its successor, until the rest is over', async () => {
    await using s = await placing({ 'us-east': 1000 })
    await s.seconds(5)
    s.cluster.moveLeader('ap-southeast-voter')
    await s.seconds(60)
    expect(s.cluster.leader).toBe('ap-southeast-voter')
    await s.stop()
    const second = s.elect()
    await s.seconds(120)
    expect(second.placer.explanation()?.reason).toContain('recent')
    expect(s.cluster.leader).toBe('ap-southeast-voter')
    await s.seconds(200)
    expect(s.cluster.leader).not.toBe('ap-southeast-voter')
    await second.stop()
  })

  it('goes where the farthest client waits least, when that is the objective', async () => {
    await using s = await placing({ 'us-east': 1000, 'ap-southeast': 100 }, { kind: 'worst' })
    await s.seconds(60)
    expect(s.cluster.leader).toBe('eu-west-voter')
    expect(s.placer.explanation()).toMatchObject({ objective: { kind: 'worst' }, placement: { holdMs: 30_000 } })
  })

  it('goes to a fixed place once that has held, whatever it costs', async () => {
    await using s = await placing({ 'us-east': 1000 }, { kind: 'fixed', region: 'ap-southeast' })
    await s.seconds(20)
    expect(s.cluster.leader).toBe('us-east-voter')
    await s.seconds(20)
    expect(s.cluster.leader).toBe('ap-southeast-voter')
  })

  it('leaves a region that drains at once, and does not come back before the drain is over', async () => {
    await using s = await placing({ 'us-east': 1000 })
    await s.seconds(5)
    const mark = {
      kind: 'put',
      key: drainKey(regionId('us-east')),
      value: Buffer.from('{"region":"us-east"}'),
    } as const
    await s.store.txn({ guards: [], operations: [mark] }, signal)
    await s.seconds(5)
    expect(s.cluster.leader).toBe('eu-west-voter')
    expect(s.placer.explanation()?.candidates.find(({ region }) => region === 'us-east')?.obstacle).toBe(
      'it is draining',
    )
    await writeLeaderPreference(s.store, regionId('us-east'), signal)
    await s.seconds(400)
    expect(s.cluster.leader).toBe('eu-west-voter')
    expect(s.placer.explanation()?.reason).toContain('us-east is asked for, but it is draining')
    await s.store.txn({ guards: [], operations: [{ kind: 'delete', key: mark.key }] }, signal)
    await s.seconds(5)
    expect(s.cluster.leader).toBe('us-east-voter')
  })

  it('makes no leader of a voter that is silent or behind', async () => {
    await using s = await placing({ 'eu-west': 1000 })
    const [, west] = s.cluster.members
    if (west === undefined) throw new Error('no member')
    west.behind = 5000n
    await s.seconds(60)
    expect(s.cluster.leader).toBe('us-east-voter')
    expect(s.placer.explanation()?.reason).toContain('its log is behind')
    west.behind = 0n
    west.silent = true
    await s.seconds(60)
    expect(s.cluster.leader).toBe('us-east-voter')
  })
})
