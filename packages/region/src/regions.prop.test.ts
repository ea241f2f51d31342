import { keyspaceName, operationId, rangeContains, regionId } from '@meridian/topology'
import type { OwnershipCommand } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dutyOf, KEYS, REGIONS, RegionsWorld } from './regions-world.ts'
import type { Mutant } from './regions-world.ts'

const keyspace = keyspaceName('cities')
/** Mostly the one that owns everything at first. */
const region = fc.constantFrom(...REGIONS, regionId('eu'), regionId('eu'))
const server = fc.constantFrom(0 as const, 1 as const)
const key = fc.constantFrom(...KEYS)
const few = fc.integer({ min: 1, max: 4 })

const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('round' as const), region }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('see' as const), region, server, by: few }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hear' as const), region, server, by: few }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('elect' as const), region, server }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('begin' as const), key, region }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('freeze' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const), key, region }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('abort' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('take' as const), key, region }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('split' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('merge' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('standbys' as const), key, standbys: fc.subarray([...REGIONS]) }),
  },
)
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

/** What the happening asks of G; undefined when it asks nothing. */
function commandOf(world: RegionsWorld, what: Happening): OwnershipCommand | undefined {
  if (!('key' in what)) return undefined
  const range = world.ranges().find((each) => rangeContains(each, what.key))
  if (range === undefined) return undefined
  const { start, owner, operation } = range
  switch (what.kind) {
    case 'begin':
      return {
        kind: 'begin-transfer',
        keyspace,
        start,
        transfer: operationId(`t${world.changes}`),
        target: what.region,
      }
    case 'freeze':
      return { kind: 'freeze-transfer', keyspace, start, transfer: operation }
    case 'commit':
      // What a driver makes sure of: nothing is committed to a region without copies.
      return world.holds(what.region, range)
        ? { kind: 'commit-transfer', keyspace, start, transfer: operation, target: what.region }
        : undefined
    case 'abort':
      return { kind: 'abort-transfer', keyspace, start, transfer: operation }
    case 'take':
      return world.holds(what.region, range)
        ? { kind: 'take-over', keyspace, from: owner, takes: [{ start, target: what.region }] }
        : undefined
    case 'split':
      return { kind: 'split', keyspace, at: [what.key] }
    case 'merge':
      return { kind: 'merge', keyspace, at: what.key }
    case 'standbys':
      return {
        kind: 'assign',
        keyspace,
        assignments: [{ start, owner, standbys: what.standbys.filter((each) => each !== owner) }],
      }
  }
}

function happen(world: RegionsWorld, what: Happening): void {
  const command = commandOf(world, what)
  if (command !== undefined) world.command(command)
  else if (what.kind === 'round') world.round(what.region)
  else if (what.kind === 'see') world.see(what.region, what.server, what.by)
  else if (what.kind === 'hear') world.hear(what.region, what.server, what.by)
  else if (what.kind === 'elect') world.elect(what.region, what.server)
}

/** Every view catches up, and every controller works until nothing is left to do. */
function settle(world: RegionsWorld): void {
  for (let turn = 0; turn < 8; turn += 1) {
    let busy = false
    for (const each of REGIONS) {
      for (const of of [0, 1] as const) {
        world.see(each, of, 1000)
        world.hear(each, of, 1000)
      }
      busy = world.round(each, true) || busy
    }
    if (!busy && turn > 1) return
  }
  throw new Error('the regions do not come to rest')
}

function story(world: RegionsWorld, happenings: readonly Happening[]): void {
  for (const what of happenings) happen(world, what)
}

const stories = fc.array(happening, { minLength: 60, maxLength: 200, size: 'max' })

describe('regions that own, follow and hand over ranges, each with its own idea of G', () => {
  it('freeze and thaw as G says, keep every copy in its place, write only what G gave them, and come to rest', () => {
    const happened = new Map<string, number>()
    fc.assert(
      fc.property(stories, (happenings) => {
        const world = new RegionsWorld()
        story(world, happenings)
        settle(world)
        expect(world.violations).toEqual([])
        for (const each of REGIONS) {
          const expected = world
            .ranges()
            .filter((range) => dutyOf(range, each) !== undefined)
            .map((range) => {
              const frozen = range.owner === each && range.status === 'frozen' ? range.operation : undefined
              return `${range.rangeId}#${range.generation} ${dutyOf(range, each)} ${frozen}`
            })
          const found = world
            .pages(each)
            .map((page) => `${page.rangeId}#${page.generation} ${page.role} ${page.freeze?.operation}`)
          expect(found.toSorted()).toEqual(expected.toSorted())
        }
        for (const [what, times] of world.happened) happened.set(what, (happened.get(what) ?? 0) + times)
      }),
      { numRuns: 400 },
    )
    for (const what of ['came', 'followed', 'thaw', 'drop', 'own', 'follow', 'tidy', 'split', 'merge', 'take-over']) {
      expect(happened.get(what), what).toBeGreaterThan(10)
    }
  })

  it.each<[Mutant, RegExp]>([
    ['thaws whatever it sees', /thawed while/],
    ['drops what it does not see followed', /dropped, and it was followed/],
  ])('the checks see a controller that %s', (mutant, violation) => {
    const found = fc.check(
      fc.property(stories, (happenings) => {
        const world = new RegionsWorld(mutant)
        story(world, happenings)
        return world.violations.every((each) => !violation.test(each))
      }),
      { numRuns: 2000 },
    )
    expect(found.failed).toBe(true)
  })
})
