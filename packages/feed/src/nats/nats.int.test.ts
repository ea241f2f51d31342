import { silentLogger, systemClock } from '@meridian/loop'
import { startNats, startToxiproxy, waitFor } from '@meridian/testkit'
import type { NatsServer } from '@meridian/testkit'
import { describe, expect, it } from 'vitest'
import type { FeedBus } from '../bus.ts'
import { FeedRig } from '../conformance/feed-rig.ts'
import { feedConformance } from '../conformance/feed-conformance.ts'
import type { FeedWorld } from '../conformance/feed-world.ts'
import { openNatsBus } from './nats-bus.ts'

const UNTIL_MS_MAX = 15_000
const PING_INTERVAL_MS = 200

function openTo(url: string, name: string): Promise<FeedBus> {
  return openNatsBus({ servers: [url], name, log: silentLogger, pingIntervalMs: PING_INTERVAL_MS })
}

function worldOf(nats: NatsServer, url: string = nats.url): FeedWorld {
  return {
    clock: systemClock,
    rounds: 3,
    open: (name) => openTo(url, name),
    until: async (what, probe, diagnose = () => '') => {
      await waitFor(what, probe, { timeoutMs: UNTIL_MS_MAX, everyMs: 5, diagnose })
    },
    [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose](),
  }
}

feedConformance('nats', async () => worldOf(await startNats()))

describe('the nats bus when its server', () => {
  /** Publishes until one arrives: what is published before the reconnect is dropped by design. */
  const heals = async (rig: FeedRig, fault: () => Promise<void>, recover: () => Promise<void>): Promise<void> => {
    await rig.publisher('publisher')
    const { follower } = await rig.syncedFollower('router')
    rig.commit()
    await rig.converged()
    await fault()
    for (let i = 0; i < 20; i++) rig.commit()
    await recover()
    await rig.converged()
    // The source alone would have sufficed so far; what is committed now has to come over the bus again.
    rig.sourceUp = false
    const applied = follower.counters.applied
    await rig.world.until(
      'updates come again',
      () => {
        rig.commit()
        rig.sourceUp = follower.state !== 'following'
        return follower.counters.applied > applied + 3
      },
      () => rig.describe(),
    )
    rig.sourceUp = true
    await rig.converged()
    expect(rig.violations).toEqual([])
    expect(follower.counters.alarms).toBe(0)
  }

  it('is killed and started again', async () => {
    await using nats = await startNats()
    await using rig = new FeedRig(worldOf(nats), 1)
    const bus = await rig.bus('watched')
    await heals(
      rig,
      async () => {
        await nats.kill()
        await waitFor('the bus knows that it is gone', () => !bus.connected)
      },
      () => nats.start(),
    )
    await waitFor('the bus is back', () => bus.connected)
  })

  it('hangs and wakes', async () => {
    await using nats = await startNats()
    await using rig = new FeedRig(worldOf(nats), 2)
    const bus = await rig.bus('watched')
    await heals(
      rig,
      async () => {
        nats.pause()
        await waitFor('the pings tell that it hangs', () => !bus.connected)
      },
      () => Promise.resolve(nats.resume()),
    )
  })

  it('disappears in a black hole', async () => {
    await using nats = await startNats()
    await using toxiproxy = await startToxiproxy()
    await using link = await toxiproxy.proxy('nats', nats.url)
    await using rig = new FeedRig(worldOf(nats, `nats://${link.address}`), 3)
    const bus = await rig.bus('watched')
    await heals(
      rig,
      async () => {
        await link.cut()
        await waitFor('the pings tell that it is gone', () => !bus.connected)
      },
      () => link.heal(),
    )
  })

  it('is not there yet', async () => {
    await using nats = await startNats()
    await nats.kill()
    await using bus = await openNatsBus({ servers: [nats.url], name: 'early', log: silentLogger, connectWaitMs: 50 })
    expect(bus.connected).toBe(false)
    bus.publish('meridian.test.early', Buffer.of(1))
    const seen: number[] = []
    const subscribing = bus.subscribe('meridian.test.early', (payload) => void seen.push(payload[0] ?? -1))
    await nats.start()
    await using _ = await subscribing
    expect(bus.connected).toBe(true)
    bus.publish('meridian.test.early', Buffer.of(2))
    await waitFor('the message', () => seen.length > 0)
    expect(seen).toEqual([2])
  })

  it('never comes: closing ends the attempts and whoever waits for them', async () => {
    await using nats = await startNats()
    await nats.kill()
    const bus = await openNatsBus({ servers: [nats.url], name: 'never', log: silentLogger, connectWaitMs: 50 })
    const subscribing = bus.subscribe('meridian.test.never', () => {})
    await Promise.all([expect(subscribing).rejects.toMatchObject({ code: 'UNAVAILABLE' }), bus[Symbol.asyncDispose]()])
  })

  it('takes nothing in: what is published meanwhile is bounded, and closing does not wait for it', async () => {
    await using nats = await startNats()
    const bus = await openNatsBus({ servers: [nats.url], name: 'full', log: silentLogger, pingIntervalMs: 60_000 })
    nats.pause()
    const before = process.memoryUsage().arrayBuffers
    const payload = new Uint8Array(512 * 1024)
    for (let i = 0; i < 400; i++) {
      bus.publish('meridian.test.full', payload)
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const grown = process.memoryUsage().arrayBuffers - before
    await bus[Symbol.asyncDispose]()
    expect(grown).toBeLessThan(64 * 1024 * 1024)
  })
})

describe('openNatsBus', () => {
  it('refuses addresses that make no sense', async () => {
    for (const servers of [[], ['not an address'], ['127.0.0.1:4222'], ['nats://']]) {
      const opening = openNatsBus({ servers, name: 'bad', log: silentLogger })
      await expect(opening).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })
})
