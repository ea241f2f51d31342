import { GLOBAL_STREAM, incarnation, revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { FollowerRegistry } from './follower-registry.ts'

const at = (value: number) => new Map([[GLOBAL_STREAM, { incarnation: incarnation(1), revision: revision(value) }]])
const revisions = (registry: FollowerRegistry, nowMs: number) =>
  registry.list(nowMs).map((follower) => [follower.name, Number(follower.positions.get(GLOBAL_STREAM)?.revision)])

describe('FollowerRegistry', () => {
  it('keeps the highest claim of one life and forgets it with the next', () => {
    const registry = new FollowerRegistry()
    registry.report('a', 'life-1', at(7), 0)
    registry.report('a', 'life-1', at(5), 1)
    expect(revisions(registry, 2)).toEqual([['a', 7]])
    registry.report('a', 'life-2', at(3), 2)
    expect(revisions(registry, 3)).toEqual([['a', 3]])
  })

  it('forgets who was silent for a minute', () => {
    const registry = new FollowerRegistry()
    registry.report('a', 'life', at(1), 0)
    registry.report('b', 'life', at(2), 59_000)
    expect(revisions(registry, 60_001)).toEqual([['b', 2]])
  })
})
