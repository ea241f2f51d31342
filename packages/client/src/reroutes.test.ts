import { ManualClock } from '@meridian/loop/testing'
import type { RouteResult } from '@meridian/router'
import { EMPTY_KEY, keyOfText, keyspaceName, nodeId, parseShardId, rangeId, regionId, token } from '@meridian/topology'
import type { Key, Token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { Reroutes } from './reroutes.ts'

const K = keyspaceName('k')
const [A, B] = [keyOfText('a'), keyOfText('b')]
const PAUSE_MS = 1000

/** A map of single keys, the clock that pauses live by, and how many lookups were made. */
class Rig {
  readonly clock = new ManualClock()
  readonly #tokens = new Map<Key, Token>()
  readonly #listeners = new Set<() => void>()
  lookups = 0

  readonly reroutes = new Reroutes(
    {
      route: (keyspace, key): RouteResult => {
        this.lookups += 1
        const found = this.#tokens.get(key)
        if (found === undefined) return { ok: false, reason: 'leaderless', region: undefined }
        const place = { keyspace, region: regionId('east'), rangeId: rangeId(1), shardId: parseShardId('1.0') }
        const leader = { leader: nodeId('n1'), address: 'n1:1' }
        return { ok: true, route: { ...place, ...leader, token: found, start: key, end: EMPTY_KEY } }
      },
      subscribe: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    },
    this.clock,
  )

  route(key: Key, now: Token | undefined): void {
    if (now === undefined) this.#tokens.delete(key)
    else this.#tokens.set(key, now)
    for (const listener of this.#listeners) listener()
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** A pause after `tried`, and what became of it so far. */
  pause(tried: readonly (readonly [Key, Token | undefined, Key?])[], signal = new AbortController().signal) {
    const paused: { rerouted: boolean | undefined } = { rerouted: undefined }
    const all = tried.map(([key, under, start = key]) => ({
      keyspace: K,
      key,
      route: under === undefined ? undefined : { start, token: under },
    }))
    void this.reroutes.pause(all, PAUSE_MS, signal).then((rerouted) => (paused.rerouted = rerouted))
    return paused
  }
}

describe('a pause between attempts', () => {
  it.each<[string, Token | undefined, Token | undefined]>([
    ['a later epoch', token(3, 8), token(3, 9)],
    ['a later generation', token(3, 8), token(4, 1)],
    ['a route where there was none', undefined, token(1, 1)],
  ])('ends with %s', async (_, tried, now) => {
    const rig = new Rig()
    rig.route(A, tried)
    const paused = rig.pause([[A, tried]])
    await rig.clock.advance(PAUSE_MS / 2)
    expect(paused.rerouted).toBeUndefined()
    rig.route(A, now)
    await rig.clock.advance(0)
    expect(paused.rerouted).toBe(true)
  })

  it.each<[string, Token | undefined, Token | undefined]>([
    ['the same route', token(3, 8), token(3, 8)],
    ['an older route', token(3, 8), token(3, 7)],
    ['no route any more', token(3, 8), undefined],
    ['still no route', undefined, undefined],
  ])('is not ended by %s', async (_, tried, now) => {
    const rig = new Rig()
    rig.route(A, tried)
    const paused = rig.pause([[A, tried]])
    rig.route(A, now)
    await rig.clock.advance(PAUSE_MS - 1)
    expect(paused.rerouted).toBeUndefined()
    await rig.clock.advance(1)
    expect(paused.rerouted).toBe(false)
  })

  it('is none when the map moved on while the attempt was on its way', async () => {
    const rig = new Rig()
    rig.route(A, token(3, 9))
    const paused = rig.pause([
      [B, undefined],
      [A, token(3, 8)],
    ])
    await rig.clock.advance(0)
    expect(paused.rerouted).toBe(true)
  })

  it('is not ended by news for the start of its shard that are none for the key', async () => {
    const rig = new Rig()
    rig.route(B, token(3, 8))
    rig.route(A, token(4, 1))
    const paused = rig.pause([[B, token(3, 8), A]])
    rig.route(A, token(4, 2))
    await rig.clock.advance(PAUSE_MS - 1)
    expect(paused.rerouted).toBeUndefined()
    rig.route(B, token(4, 1))
    await rig.clock.advance(0)
    expect(paused.rerouted).toBe(true)
  })

  it('ends with the patience of its caller', async () => {
    const rig = new Rig()
    const patience = new AbortController()
    const paused = rig.pause([[A, undefined]], patience.signal)
    patience.abort()
    await rig.clock.advance(0)
    expect(paused.rerouted).toBe(false)
  })

  it('looks up once per change what many wait for in vain, and nothing when nobody waits', async () => {
    const rig = new Rig()
    const pauses = Array.from({ length: 100 }, (_, i) => rig.pause([[A, token(1, i + 1)]]))
    rig.lookups = 0
    rig.route(A, token(1, 50))
    // One for the shard, and one for each of those whose token is below.
    expect(rig.lookups).toBe(1 + 49)
    await rig.clock.advance(0)
    expect(pauses.filter(({ rerouted }) => rerouted === true)).toHaveLength(49)
    await rig.clock.advance(PAUSE_MS)
    rig.lookups = 0
    rig.route(A, token(2, 1))
    expect(rig.lookups).toBe(0)
    rig.reroutes[Symbol.dispose]()
    expect(rig.listeners).toBe(0)
  })
})
