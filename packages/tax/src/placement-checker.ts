import type { PlacementWorld } from './candidates.ts'
import type { PlacementMove, PlacementOptions } from './placement.ts'

/** What the placer was shown at one moment and what it then did. */
export interface PlacementRecord {
  readonly atMs: number
  readonly world: PlacementWorld
  readonly move: PlacementMove | undefined
}

/**
 * Which of P1 to P6 a history breaks, one text per break. It computes costs in a way of its own and keeps no state that
 * the core keeps, so that a shared mistake cannot hide.
 */
export function checkPlacement(history: readonly PlacementRecord[], options: PlacementOptions): string[] {
  const breaks: string[] = []
  history.forEach(({ atMs, world, move }, index) => {
    if (move === undefined) return
    const say = (what: string): void => {
      breaks.push(`${what} at ${atMs}: ${move.source} to ${move.target} (${move.reason})`)
    }
    if (move.source !== world.leader || move.target === world.leader) say('P5 not from the leader to another')
    if (world.voters.get(move.target) !== 'healthy') say('P5 unsafe target')

    const drains = world.voters.get(move.source) === 'draining'
    const place = world.preferred ?? (world.objective.kind === 'fixed' ? world.objective.region : undefined)
    const wanted = place === move.target
    if (!drains && !wanted) {
      if (!isKnown(world)) say('P4 on unknown round trips')
      if (!isWorth(world, move.target, options)) say('P1 not worth it')
      if (!hasHeld(history, index, options, ({ world: then }) => isWorth(then, move.target, options)))
        say('P2 not held')
    }
    // A preference is obeyed at once, from the moment it was stated until the leader has been there.
    const stated = history.findLastIndex(({ world: then }, i) => i <= index && then.preferred !== world.preferred) + 1
    const obeyed = history.slice(stated, index).some((then) => then.world.leader === place)
    const asked = wanted && world.preferred !== undefined && !obeyed
    if (!drains && wanted && !asked) {
      if (!hasHeld(history, index, options, ({ world: then }) => then.voters.get(move.target) === 'healthy'))
        say('P2 place not held')
    }
    const arrived = history.findLast(
      (then, i) => i < index && then.move !== undefined && arrivedAfter(history, i, then.move.target, atMs),
    )
    if (!drains && !asked && arrived !== undefined && atMs - arrived.atMs < options.cooldownMs) say('P3 too soon')
    const last = history.findLast((then, i) => i < index && then.move !== undefined)
    if (last !== undefined && atMs - last.atMs < options.retryMs) say('P6 attempts too close')
  })
  return breaks
}

function arrivedAfter(history: readonly PlacementRecord[], from: number, target: string, untilMs: number): boolean {
  const next = history.findIndex((then, i) => i > from && then.move !== undefined)
  return history
    .slice(from + 1, next < 0 ? undefined : next + 1)
    .some((then) => then.atMs <= untilMs && then.world.leader === target)
}

/** Whether it was so at all observations of the last `holdMs`, under one leader and without a gap. */
function hasHeld(
  history: readonly PlacementRecord[],
  index: number,
  options: PlacementOptions,
  isSo: (record: PlacementRecord) => boolean,
): boolean {
  const now = history[index]
  if (now === undefined) return false
  for (let i = index; i >= 0; i--) {
    const then = history[i]
    const later = history[i + 1]
    if (then === undefined || then.world.leader !== now.world.leader || !isSo(then)) return false
    if (i < index && later !== undefined && later.atMs - then.atMs > options.gapMsMax) return false
    if (now.atMs - then.atMs >= options.holdMs) return true
  }
  return options.holdMs === 0
}

const isKnown = ({ voters, rtt }: PlacementWorld): boolean => {
  const up = [...voters.keys()].filter((region) => voters.get(region) !== 'missing')
  return up.every((a) => up.every((b) => rtt(a, b) !== undefined))
}

function isWorth(world: PlacementWorld, target: string, options: PlacementOptions): boolean {
  if (world.leader === undefined || !isKnown(world)) return false
  const [current, other] = [naiveCost(world, world.leader), naiveCost(world, target)]
  const healthy = world.voters.get(target) === 'healthy'
  // The last bit of a sum depends on its order.
  return healthy && other <= current - Math.max(options.hysteresisShare * current, options.hysteresisMs) + 1e-9
}

/** Expected commit cost, ms, by trying every majority; NaN when something is unknown. */
export function naiveCost({ voters, demand, rtt, objective }: PlacementWorld, leader: string): number {
  const up = [...voters.keys()].filter((region) => voters.get(region) !== 'missing')
  const majority = Math.floor(voters.size / 2) + 1
  let quorumMs = Number.POSITIVE_INFINITY
  for (let set = 0; set < 2 ** up.length; set++) {
    const members = up.filter((_, i) => (set >> i) % 2 === 1)
    if (members.length < majority || !members.includes(leader)) continue
    quorumMs = Math.min(quorumMs, Math.max(...members.map((member) => rtt(leader, member) ?? NaN)))
  }
  const asking = [...demand].filter(([region, weight]) => weight > 0 && voters.get(region) !== 'missing')
  const clients = asking.length > 0 ? asking : up.map((region) => [region, 1] as const)
  const total = clients.reduce((sum, [, weight]) => sum + weight, 0)
  const floors = clients.map(([region, weight]) => [(rtt(region, leader) ?? NaN) + quorumMs, weight / total] as const)
  if (objective.kind === 'worst') {
    // Where nobody asks, nobody waits.
    return Math.max(0, ...floors.filter(([, share]) => share >= 0.01).map(([floorMs]) => floorMs))
  }
  return floors.reduce((sum, [floorMs, share]) => sum + floorMs * share, 0)
}
