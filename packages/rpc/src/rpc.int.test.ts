import { MapServiceDefinition, StatusServiceDefinition } from '@meridian/protocol'
import { MeridianError } from '@meridian/topology'
import { silentLogger } from '@meridian/loop'
import { describe, expect, it } from 'vitest'
import { clientOf, implement, openChannel, serve } from './index.ts'

const status = {
  region: 'us-east',
  server: 's1',
  global: undefined,
  regional: undefined,
  lease: undefined,
  controller: '',
  publisher: '',
  nodes: [],
  positions: [],
  rangesOwned: 0,
  shards: 0,
  shardsLeaderless: 0,
  followers: [],
}

async function world(getStatus: () => Promise<typeof status>) {
  const server = await serve({
    listen: '127.0.0.1:0',
    log: silentLogger,
    drainMs: 100,
    protoDir: new URL('../../../proto', import.meta.url).pathname,
    services: [
      implement(StatusServiceDefinition, { getStatus }),
      implement(MapServiceDefinition, {
        getSnapshot: async function* ({ stream }) {
          for (let revision = 1n; revision <= 3n; revision += 1n) {
            yield { position: { incarnation: 1n, revision }, records: [], digest: '' }
          }
          if (stream === 'breaks') throw new MeridianError('COMPACTED', 'gone')
        },
        reportPositions: () => Promise.resolve({}),
      }),
    ],
  })
  const channel = openChannel(server.address)
  return {
    server,
    channel,
    status: clientOf(StatusServiceDefinition, channel),
    map: clientOf(MapServiceDefinition, channel),
  }
}

describe('rpc', () => {
  it('carries unary calls, server streams and errors with their details', async () => {
    const w = await world(() =>
      Promise.reject(new MeridianError('NOT_OWNER_REGION', 'ask eu-west', { details: { owner: 'eu-west' } })),
    )
    await using _server = w.server
    await using _channel = w.channel
    await expect(w.status.getStatus({}, { timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'NOT_OWNER_REGION',
      message: 'ask eu-west',
      details: { owner: 'eu-west' },
    })
    const seen: bigint[] = []
    for await (const chunk of w.map.getSnapshot({ stream: 'g' }, { signal: AbortSignal.timeout(5000) })) {
      seen.push(chunk.position?.revision ?? 0n)
    }
    expect(seen).toEqual([1n, 2n, 3n])
    const broken = async () => {
      for await (const _ of w.map.getSnapshot({ stream: 'breaks' }, { signal: AbortSignal.timeout(5000) }));
    }
    await expect(broken()).rejects.toMatchObject({ code: 'COMPACTED' })
  })

  it('tells a call that surely had no effect from one whose outcome is unknown', async () => {
    let arrived = Promise.withResolvers<void>()
    const w = await world(() => {
      arrived.resolve()
      return new Promise(() => {})
    })
    await using channel = w.channel
    await expect(w.status.getStatus({}, { timeoutMs: 1000 })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    arrived = Promise.withResolvers<void>()
    const giveUp = new AbortController()
    const given = w.status.getStatus({}, { timeoutMs: 60_000, signal: giveUp.signal })
    const refused = expect(given).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await arrived.promise
    giveUp.abort()
    await refused
    await w.server[Symbol.asyncDispose]()
    await using nobody = openChannel('127.0.0.1:1')
    await expect(clientOf(StatusServiceDefinition, nobody).getStatus({}, { timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(channel.address).toBe(w.server.address)
  })

  it('hides the text of an unforeseen error and refuses a taken port by name', async () => {
    const w = await world(() => Promise.reject(new Error('secret path')))
    await using _server = w.server
    await using _channel = w.channel
    await expect(w.status.getStatus({}, { timeoutMs: 5000 })).rejects.not.toThrow(/secret/)
    await expect(serve({ listen: w.server.address, services: [], log: silentLogger })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    })
  })
})
