import { generation, keyOfText, keyspaceName, operationId, rangeId, regionId } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RegionId, Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { JournalEntry } from './journal.ts'
import { takeoverOperation } from './journal.ts'
import type { RegionLeaseRecord } from './region-lease.ts'
import { initialTakeover, step, takeoverTimingOf } from './takeover-core.ts'
import type { TakeoverEffect, TakeoverState, TakeoverWorld } from './takeover-core.ts'

const timing = takeoverTimingOf(9000)
const { waitMs, coolDownMs } = timing
const [US, EU, AP] = ['us', 'eu', 'ap'].map(regionId) as [RegionId, RegionId, RegionId]

function range(id: number, owner: RegionId, ...standbys: RegionId[]): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: keyspaceName('cities'),
    start: keyOfText(`k${id}`),
    end: keyOfText(`k${id + 1}`),
    owner,
    standbys,
    generation: generation(1),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('o'),
    stamp: { wallMs: 1, counter: 0, origin: 'x' },
  }
}

/** A hand-driven G and its authority. Every region of `alive` renews before each look. */
class Scene {
  state: TakeoverState = initialTakeover(timing)
  nowMs = 0
  raftTerm = 1n
  revision = 100n
  readonly alive: Set<RegionId>
  readonly leases = new Map<RegionId, { record: RegionLeaseRecord; modRevision: Revision }>()
  ranges: RangeDescriptor[] = [range(1, US, EU, AP), range(2, EU, AP), range(3, US, AP)]
  readonly drained = new Set<RegionId>()
  readonly journal = new Map<OperationId, JournalEntry>()

  constructor(...regions: RegionId[]) {
    this.alive = new Set(regions)
    for (const region of regions) this.put(region, { term: 1n, counter: 1n, status: 'live' })
  }

  put(region: RegionId, record: RegionLeaseRecord): void {
    this.revision += 1n
    this.leases.set(region, { record, modRevision: this.revision as Revision })
  }

  /** One look; no effect is carried out. */
  look(afterMs = 500): TakeoverEffect[] {
    this.nowMs += afterMs
    for (const region of this.alive) {
      const before = this.leases.get(region)?.record ?? { term: 1n, counter: 0n }
      this.put(region, { term: before.term, counter: before.counter + 1n, status: 'live' })
    }
    const world: TakeoverWorld = {
      viewRevision: this.revision as Revision,
      ranges: this.ranges,
      drained: this.drained,
      holds: new Map(),
      journal: this.journal,
      standbyFacts: () => ({ hasPage: true }),
      importance: () => 0,
    }
    const { nowMs, raftTerm } = this
    const leases = new Map(this.leases)
    return this.tell({ kind: 'looked', nowMs, wallMs: nowMs, raftTerm, leases, world })
  }

  tell(event: Parameters<typeof step>[1]): TakeoverEffect[] {
    const [state, effects] = step(this.state, event)
    this.state = state
    return effects.filter(({ kind }) => kind !== 'observed')
  }

  /** Looks for `ms`; the first effect, if any, ends it. */
  pass(ms: number): TakeoverEffect[] {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      const effects = this.look()
      if (effects.length > 0) return effects
    }
    return []
  }
}

function elected(...regions: RegionId[]): Scene {
  const scene = new Scene(...regions)
  scene.tell({ kind: 'elected' })
  expect(scene.pass(20_000)).toEqual([])
  return scene
}

/** `us` has stopped renewing, and its authority was taken. */
function taken(): Scene {
  const s = elected(US, EU, AP)
  s.alive.delete(US)
  expect(s.pass(waitMs + 500)).toMatchObject([{ kind: 'declare', region: US }])
  s.put(US, { term: 2n, counter: s.leases.get(US)?.record.counter ?? 0n, status: 'silent' })
  s.tell({ kind: 'settled', region: US, revision: s.revision as Revision })
  return s
}

describe('when a region falls silent', () => {
  it('its authority is taken after W_R, by the very write that was watched', () => {
    const s = elected(US, EU, AP)
    s.alive.delete(US)
    const { modRevision, record } = s.leases.get(US) ?? {}
    // The last renewal was seen at the last look: until W_R after it, nothing.
    expect(s.pass(waitMs - 500)).toEqual([])
    const [effect] = s.pass(1000)
    const next = { term: 2n, counter: record?.counter, status: 'silent' }
    expect(effect).toMatchObject({ kind: 'declare', region: US, modRevision, term: 2n, next })
    expect(s.look(), 'it is asked for once').toEqual([])
    s.tell({ kind: 'settled', region: US, revision: undefined })
    expect(s.look(), 'and again when that came to nothing').toMatchObject([{ kind: 'declare' }])
  })

  it.each<[string, (s: Scene) => void]>([
    ['a look that failed', (s) => s.tell({ kind: 'troubled' })],
    ['an election in the store', (s) => void (s.raftTerm += 1n)],
    ['a gap between looks', (s) => void s.look(2001)],
    ['a renewal', (s) => s.put(US, { term: 1n, counter: 99n, status: 'live' })],
  ])('%s starts the wait over', (_, interrupt) => {
    const s = elected(US, EU, AP)
    s.alive.delete(US)
    s.pass(waitMs - 1500)
    interrupt(s)
    expect(s.pass(waitMs - 500)).toEqual([])
    expect(s.pass(3000)).toMatchObject([{ kind: 'declare', region: US }])
  })

  it('an election among the authorities does not: its successor has watched as well', () => {
    const s = new Scene(US, EU, AP)
    s.pass(5000)
    s.alive.delete(US)
    expect(s.pass(waitMs + 1000), 'who is not elected does nothing').toEqual([])
    s.tell({ kind: 'elected' })
    expect(s.look()).toMatchObject([{ kind: 'declare', region: US }])
  })

  it('and another with it, the brake holds: the store may be what is broken', () => {
    const s = elected(US, EU, AP)
    s.alive.delete(US)
    s.pass(2000)
    s.alive.delete(AP)
    expect(s.pass(waitMs)).toMatchObject([{ kind: 'tell', region: US, phase: 'braked', term: 2n }])
    s.tell({ kind: 'settled', region: US, revision: 1n as Revision })
    expect(s.pass(waitMs)).toMatchObject([{ kind: 'tell', region: AP, phase: 'braked' }])
    s.tell({ kind: 'settled', region: AP, revision: 1n as Revision })
    expect(s.pass(20_000), 'it is said once').toEqual([])
    s.alive.add(AP)
    expect(s.pass(1000), 'one of three is a loss again').toMatchObject([{ kind: 'declare', region: US }])
  })
})

describe('ranges of a silent region', () => {
  it('go to their first fit standbys', () => {
    const [effect] = taken().look()
    expect(effect).toMatchObject({
      kind: 'take',
      region: US,
      term: 2n,
      forced: false,
      left: 0,
      batches: [
        {
          takes: [
            { rangeId: 1, target: EU },
            { rangeId: 3, target: AP },
          ],
        },
      ],
    })
  })

  it('are taken on by whoever is elected next, without another wait', () => {
    const s = taken()
    s.tell({ kind: 'deposed' })
    expect(s.pass(5000)).toEqual([])
    s.tell({ kind: 'elected' })
    s.raftTerm += 1n
    expect(s.look()).toMatchObject([{ kind: 'take', region: US }])
  })

  it('are not planned again from a view that still shows what was moved', () => {
    const s = taken()
    expect(s.look()).toMatchObject([{ kind: 'take' }])
    s.tell({ kind: 'settled', region: US, revision: (s.revision + 1000n) as Revision })
    expect(s.look()).toEqual([])
  })

  it('stay where a standby is drained, not seen to renew, or came back only just now', () => {
    const s = taken()
    s.drained.add(EU)
    expect(s.look()).toMatchObject([{ kind: 'take', batches: [{ takes: [{ target: AP }, { target: AP }] }] }])
    s.tell({ kind: 'settled', region: US, revision: undefined })
    s.drained.delete(EU)
    s.put(EU, { term: 5n, counter: 7n, status: 'silent' })
    s.alive.delete(EU)
    s.look()
    s.tell({ kind: 'settled', region: US, revision: undefined })
    s.tell({ kind: 'settled', region: EU, revision: undefined })
    s.alive.add(EU)
    const [effect] = s.look()
    expect(effect).toMatchObject({
      kind: 'take',
      region: US,
      note: expect.stringContaining('eu came back only just now'),
    })
    s.tell({ kind: 'settled', region: US, revision: undefined })
    expect(s.look(coolDownMs)).toMatchObject([
      { kind: 'take', note: expect.stringContaining('1 to eu, its first standby') },
    ])
  })

  it('that are left end the takeover when only people can go on', () => {
    const s = taken()
    s.ranges = [{ ...range(1, US, EU), failover: 'manual' }]
    expect(s.look()).toMatchObject([{ kind: 'tell', phase: 'done', left: 1, note: '1 left: fails over by hand only' }])
  })

  it('stay its own when it comes back first', () => {
    const s = taken()
    s.journal.set(takeoverOperation(US, 2n), entry(US, 2n, 'taking'))
    s.alive.add(US)
    expect(s.look()).toMatchObject([{ kind: 'tell', region: US, term: 2n, phase: 'stopped', left: 2 }])
  })
})

describe('a barred region', () => {
  const bar = (poweredOff: boolean): RegionLeaseRecord => ({
    term: 2n,
    counter: 50n,
    status: 'barred',
    bar: { reason: 'drill', poweredOff },
  })

  it('keeps its ranges for W_R, whatever happens to the store meanwhile, then loses them', () => {
    const s = elected(US, EU, AP)
    s.alive.delete(US)
    s.put(US, bar(false))
    expect(s.pass(waitMs / 2)).toEqual([])
    s.raftTerm += 1n
    expect(s.pass(waitMs / 2 - 500)).toEqual([])
    expect(s.pass(1500)).toMatchObject([{ kind: 'take', region: US, forced: true, term: 2n }])
  })

  it('that is attested to be off loses them at once, those that wait for a person too', () => {
    const s = elected(US, EU, AP)
    s.alive.delete(US)
    s.ranges = [{ ...range(1, US, EU), failover: 'manual', budgetMs: 3_600_000 }]
    s.put(US, bar(true))
    expect(s.look()).toMatchObject([{ kind: 'take', region: US, forced: true, left: 0 }])
  })
})

function entry(region: RegionId, term: bigint, phase: 'taking' | 'braked'): JournalEntry {
  return {
    kind: 'takeover',
    operation: takeoverOperation(region, term),
    region,
    term,
    authority: 'here:1',
    elect: 1n as Revision,
    counter: 1n,
    waitedMs: waitMs,
    forced: false,
    observedWallMs: 0,
    updatedWallMs: 0,
    ranges: 0,
    left: 0,
    phase,
    note: '',
  }
}
