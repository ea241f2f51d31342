import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { placeOf, sign } from './witnessed.ts'

/** A commit that only the leader of a role makes, with the election it was made under. */
interface LedCommit {
  readonly inc: bigint
  readonly rev: bigint
  readonly elect: bigint
  readonly what: string
}

/**
 * Safety I8: controllers are fenced. Per role the elections of accepted commits never fall along the revisions of their
 * tier, and at each of these revisions the election was the one that led, as a witness of the tier saw its keys. What was
 * done outside the store never fell back either, target by target. Void unless a role changed hands, or somebody was
 * refused.
 */
export function checkControllers(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const elections = Map.groupBy(eventsOf(history, 'elect'), roleOf)
  const roles = ledCommits(history)
  let [commits, changes] = [0, 0]
  for (const [role, unsorted] of roles) {
    const own = unsorted.toSorted((a, b) => sign(a.inc - b.inc) || sign(a.rev - b.rev))
    const keys = elections.get(role)
    if (keys === undefined) findings.gap(`nobody watched the elections of ${role}`)
    for (const [i, commit] of own.entries()) {
      commits += 1
      const before = own[i - 1]
      const what = `${role}: ${commit.what} at ${placeOf(commit)} under election ${commit.elect}`
      if (before !== undefined && before.inc === commit.inc && commit.elect < before.elect)
        findings.violation(`${what}, after ${before.elect} had committed`)
      if (before !== undefined && commit.elect !== before.elect) changes += 1
      if (keys === undefined) continue
      const leading = leaderAt(keys, commit)
      if (leading !== commit.elect) findings.violation(`${what}, while ${leading ?? 'nobody'} led`)
    }
  }
  const deeds = checkDeeds(history, findings)
  const refused = eventsOf(history, 'ctl.act').filter(({ outcome }) => outcome === 'refused').length
  if (commits === 0) findings.gap('no controller committed anything')
  else if (changes + refused + deeds.changes === 0)
    findings.gap('no role changed hands and nobody was refused: nothing was tried')
  return findings.verdict(`${commits} commits in ${roles.size} roles, each under the election of its time`, {
    commits,
    roles: roles.size,
    deeds: deeds.count,
    changes: changes + deeds.changes,
    refused,
  })
}

const roleOf = ({ tier, role }: { readonly tier: string; readonly role: string }): string => `${tier}/${role}`

function ledCommits(history: readonly HistoryEvent[]): ReadonlyMap<string, readonly LedCommit[]> {
  const found: { readonly role: string; readonly commit: LedCommit }[] = []
  const note = (tier: string, role: string, elect: string, inc: string, rev: string, what: string): void => {
    found.push({
      role: roleOf({ tier, role }),
      commit: { inc: BigInt(inc), rev: BigInt(rev), elect: BigInt(elect), what },
    })
  }
  for (const act of eventsOf(history, 'ctl.act')) {
    if (act.effect === 'commit' && act.outcome === 'accepted')
      note(act.tier, act.role, act.elect, act.inc, act.rev, act.target)
  }
  for (const { role, elect, inc, rev, range } of eventsOf(history, 'g.commit')) {
    if (role !== undefined && elect !== undefined) note(GLOBAL_TIER, role, elect, inc, rev, `range ${range}`)
  }
  for (const { region, role, elect, inc, rev, shard } of eventsOf(history, 'e.commit')) {
    if (role !== undefined && elect !== undefined) note(region, role, elect, inc, rev, `shard ${shard}`)
  }
  const roles = Map.groupBy(found, ({ role }) => role)
  return new Map([...roles].map(([role, own]) => [role, own.map(({ commit }) => commit)]))
}

/** The key created first of those that stood when the revision was made; one that it removes itself still stood. */
function leaderAt(keys: readonly EventOf<'elect'>[], { inc, rev }: LedCommit): bigint | undefined {
  const standing = new Set<bigint>()
  for (const key of keys) {
    if (BigInt(key.inc) !== inc) continue
    if (key.phase === 'stood' && BigInt(key.rev) <= rev) standing.add(BigInt(key.elect))
    if (key.phase === 'left' && BigInt(key.rev) < rev) standing.delete(BigInt(key.elect))
  }
  return [...standing].toSorted((a, b) => sign(a - b))[0]
}

/** Who accepts a deed remembers the highest election of the role, and takes nothing lower. */
function checkDeeds(history: readonly HistoryEvent[], findings: Findings): { count: number; changes: number } {
  const highest = new Map<string, bigint>()
  let [count, changes] = [0, 0]
  for (const act of eventsOf(history, 'ctl.act')) {
    if (act.effect === 'commit' || act.outcome !== 'accepted') continue
    count += 1
    const name = `${roleOf(act)} at ${act.target}`
    const [elect, before] = [BigInt(act.elect), highest.get(name)]
    if (before !== undefined && elect < before)
      findings.violation(`${name}: ${act.effect} under election ${elect} was accepted after one under ${before}`)
    if (before !== undefined && elect > before) changes += 1
    if (before === undefined || elect > before) highest.set(name, elect)
  }
  return { count, changes }
}
