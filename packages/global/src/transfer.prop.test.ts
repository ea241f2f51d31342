import { electionPrefix } from '@meridian/store'
import type { MemoryFault } from '@meridian/store/memory'
import { seededRandom, seedOf } from '@meridian/testkit'
import { EMPTY_KEY, isMeridianError, operationId } from '@meridian/topology'
import { expect, test } from 'vitest'
import { hasEnded } from './journal.ts'
import { TRANSFER_TRANSITIONS } from './transfer-core.ts'
import type { RigManners } from './transfer-rig.ts'
import { SOUTH, transferWorld } from './transfer-world.ts'
import { CITIES, EAST, WEST } from './world.ts'

const REGIONS = [EAST, WEST, SOUTH]
const seed = seedOf('transfer')

/**
 * One range of three regions and two servers that carry transfers on, while elections are lost, answers of G are lost,
 * operators abort, regions hear late, nodes fall and rise, and now and then an authority takes the range.
 */
async function run(number: number, naughty: Partial<RigManners> = {}) {
  const random = seededRandom((seed + number) >>> 0)
  const slow = () => (random.next() < 0.1 ? random.next() * 1500 : random.next() * 60)
  const w = await transferWorld({ hearMs: slow, nodeMs: () => random.next() * 40, ...naughty })
  await using _ = w
  const second = await w.serve('b')
  await w.serve('a')
  const stores = [w.first.store, second.store]
  const phases = new Map<string, string[]>()
  w.first.view.subscribe(() => {
    for (const [operation, entry] of w.first.view.journal) {
      const seen = phases.get(operation) ?? []
      phases.set(operation, seen)
      if (entry.kind === 'transfer' && seen.at(-1) !== entry.phase) seen.push(entry.phase)
    }
  })
  const calm = (error: unknown) => {
    if (!isMeridianError(error)) throw error
  }
  let begun = 0
  let taken = 0
  let losses = 0
  for (const store of stores) {
    store.faults.decide = (call) => {
      if (losses > 40 || random.next() > 0.02 || call.kind === 'renew-lease') return undefined
      losses += 1
      return random.pick<MemoryFault>(['unavailable', 'unknown-before', 'unknown-after'])
    }
  }
  const pending: Promise<unknown>[] = []
  for (let i = 0; i < 60; i += 1) {
    await w.pass(250)
    const { owner } = w.range()
    const dice = random.next()
    if (dice < 0.25) {
      begun += 1
      const target = random.pick(REGIONS.filter((region) => region !== owner))
      pending.push(w.begin(target, operationId(`move-${begun}`)).catch(calm))
    } else if (dice < 0.35 && begun > 0) {
      const operation = operationId(`move-${1 + random.int(begun)}`)
      pending.push(w.transfers.abort(operation, 'an operator says so', w.first.signal).catch(calm))
    } else if (dice < 0.4) {
      const [key] = w.cluster.history.list(electionPrefix('authority'), w.cluster.revision)
      if (key !== undefined) w.cluster.apply({ guards: [], operations: [{ kind: 'delete', key: key.key }] })
    } else if (dice < 0.43) {
      taken += 1
      const [target] = w.range().standbys
      if (target === undefined) continue
      const takes = [{ start: EMPTY_KEY, target }]
      const command = { kind: 'take-over', keyspace: CITIES, from: owner, takes } as const
      pending.push(second.service.mutate(operationId(`take-${taken}`), command, second.signal).catch(calm))
    } else if (dice < 0.55) {
      for (const region of REGIONS) w.rig.replicas(region).forEach((each) => (each.down = false))
      const victim = random.pick(w.rig.replicas(random.pick(REGIONS)))
      victim.down = true
    } else if (dice < 0.6) {
      w.rig.stuck.clear()
      if (random.next() < 0.5) w.rig.stuck.add(random.pick(REGIONS))
    }
  }
  for (const store of stores) store.faults.decide = undefined
  for (const region of REGIONS) w.rig.replicas(region).forEach((each) => (each.down = false))
  w.rig.stuck.clear()
  await w.pass(15_000)
  await Promise.all(pending)
  const open = [...w.first.view.journal.values()].filter((entry) => !hasEnded(entry))
  const frozen = REGIONS.filter((region) => w.rig.rigPage(region)?.leadersFrozenFor !== undefined)
  const done = [...phases.values()].filter((seen) => seen.includes('done')).length
  return { violations: w.rig.violations, open, frozen, done, phases: [...phases.values()], status: w.range().status }
}

/** Stages between freeze and commit are nobody's record. */
function follows(from: string, to: string): boolean {
  const reach = new Set([from])
  for (const phase of reach) {
    for (const next of Object.values(TRANSFER_TRANSITIONS[phase as keyof typeof TRANSFER_TRANSITIONS])) {
      if (next === to) return true
      if (next === 'catch-up' || next === 'commit' || next === 'aborting') reach.add(next)
    }
  }
  return false
}

test('G8, G9, G10: whatever happens, nothing acknowledged is lost, nothing is served twice, and every transfer ends', async () => {
  let done = 0
  for (let number = 0; number < 8; number += 1) {
    const result = await run(number)
    expect({ number, seed, ...result }).toMatchObject({ violations: [], open: [], frozen: [], status: 'active' })
    for (const seen of result.phases) {
      for (const [index, phase] of seen.entries()) {
        if (index > 0) expect(follows(seen[index - 1] ?? '', phase), `${seen.join(' ')} of run ${number}`).toBe(true)
      }
    }
    done += result.done
  }
  expect(done).toBeGreaterThan(8)
})

test.each<[string, Partial<RigManners>]>([
  ['leaders that tell barriers before they are frozen', { hastyBarriers: true }],
  ['followers that say they hold more than they do', { boastful: true }],
  ['sources that thaw by a timer', { thawsAlone: true }],
])('the judge sees %s', async (_, naughty) => {
  const found: string[] = []
  for (let number = 0; number < 80 && found.length === 0; number += 1) {
    found.push(...(await run(number, naughty)).violations)
  }
  expect(found.length).toBeGreaterThan(0)
})
