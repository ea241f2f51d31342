import { spawn } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { identityOf, isAlive, loadRegionFolder } from '@meridian/deploy'
import { commitFloorMs } from '@meridian/tax'
import { tempDir, waitFor } from '@meridian/testkit'
import { z } from 'zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { NatsTextClient } from '../fixtures/nats-text-client.ts'
import { occupyTwo, startTestWorld, testBasePort, testWorldOptions } from '../fixtures/start-test-world.ts'
import { calibrationBoundMs } from '../calibrate.ts'
import { etcdCall } from './etcd-http.ts'
import { globalLeader, moveGlobalLeader } from './global-leader.ts'
import { startWorld } from './start-world.ts'
import type { WorldProgress } from './progress.ts'
import type { World, WorldRegion } from './world.ts'

const [EAST, WEST, ASIA] = ['us-east', 'eu-west', 'ap-southeast']
const stack = new AsyncDisposableStack()
const events: WorldProgress[] = []
let dataDir: string
let world: World

beforeAll(async () => {
  dataDir = join(stack.use(await tempDir('meridian-world-')).path, 'world')
  world = stack.use(
    await startTestWorld({ ...testWorldOptions(dataDir, 0), progress: (event) => void events.push(event) }),
  )
})

afterAll(async () => {
  await stack.disposeAsync()
})

function region(id: string): WorldRegion {
  const found = world.regions.find((each) => each.id === id)
  if (found === undefined) throw new Error(`no region ${id}`)
  return found
}

describe('a world of three regions, engines only', () => {
  test('reports every step with its time', () => {
    const ended = events.flatMap((event) => (event.kind === 'end' ? [event.step] : []))
    expect(ended).toEqual(['folder', 'ports', 'render', 'wan', 'calibrate', 'canary', 'regions', 'leader'])
    for (const { nominalMs, minMs } of world.calibration.rows) {
      expect(minMs).toBeGreaterThanOrEqual(nominalMs)
      expect(minMs).toBeLessThanOrEqual(nominalMs + calibrationBoundMs(nominalMs))
    }
    expect(events.filter((event) => event.kind === 'canary')).toHaveLength(3)
    for (const event of events) {
      if (event.kind === 'end') process.stdout.write(`${event.step}: ${event.text}, ${Math.round(event.tookMs)} ms\n`)
    }
  })

  test('has its processes under names that are unique, and says where to dial', async () => {
    expect(world.processes().map(({ name, state }) => `${name} ${state}`)).toEqual(
      [EAST, WEST, ASIA].flatMap((id) => ['etcd-global', 'etcd-1', 'nats'].map((kind) => `${id}/${kind} ready`)),
    )
    const path = join(dataDir, 'world.json')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const file = z
      .object({ pid: z.int(), regions: z.array(z.object({ id: z.string(), proxy: z.string() })) })
      .parse(JSON.parse(await readFile(path, 'utf8')))
    expect(file.pid).toBe(process.pid)
    expect(file.regions.map(({ id, proxy }) => [id, proxy])).toEqual(world.regions.map(({ id, proxy }) => [id, proxy]))
    expect(world.logTail(`${EAST}/nats`)).toContain('Server is ready')
    expect(() => world.logTail('nobody')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test('its folder cannot be used by a second one, which changes nothing', async () => {
    const before = await readFile(join(dataDir, 'world.json'), 'utf8')
    const second = startWorld({ ...testWorldOptions(dataDir, await testBasePort()), fresh: true })
    await expect(second).rejects.toMatchObject({ code: 'WORLD_IN_USE' })
    expect(await readFile(join(dataDir, 'world.json'), 'utf8')).toBe(before)
  })

  test('the global leader goes where it is sent, and no commit is faster than its floor', async () => {
    const ids = world.regions.map((each) => each.id)
    for (const leader of [ASIA, EAST]) {
      const tookMs = await moveGlobalLeader(world, leader)
      expect(await globalLeader(world)).toBe(leader)
      const lines = [`leader moved to ${leader} in ${Math.round(tookMs)} ms`]
      for (const { id, globalEtcd } of world.regions) {
        const samplesMs: number[] = []
        // A put that reaches a voter while the leadership moves may go unanswered: lawful, and no sample.
        await waitFor(
          `three answers under ${leader}`,
          async () => {
            await moveGlobalLeader(world, leader)
            const begunMs = performance.now()
            await etcdCall(globalEtcd?.clientUrl ?? '', 'kv/put', { key: 'aw==', value: 'dg==' }, 10_000)
            const tookMs = performance.now() - begunMs
            if ((await globalLeader(world)) === leader) samplesMs.push(tookMs)
            return samplesMs.length === 3
          },
          { timeoutMs: 90_000 },
        )
        const floorMs = commitFloorMs(id, leader, ids, world.matrix.emulatedRttMs)
        lines.push(`client ${id}: floor ${floorMs}, ${samplesMs.map((ms) => Math.round(ms)).join(' ')} ms`)
        expect(Math.min(...samplesMs), lines.join('\n')).toBeGreaterThanOrEqual(floorMs)
      }
      process.stdout.write(`${lines.join('\n')}\n`)
    }
    await expect(moveGlobalLeader(world, 'mars')).rejects.toMatchObject({ code: 'REGION_UNKNOWN' })
  })

  test('NATS crosses regions over the links, and stays on them when they are cut, refuse, and heal', async () => {
    using publisher = await NatsTextClient.connect(region(EAST).nats[0] ?? '')
    using subscriber = await NatsTextClient.connect(region(ASIA).nats[0] ?? '')
    await subscriber.subscribe('test')
    const diagnose = () => `${world.logTail(`${EAST}/nats`)}\n---\n${world.logTail(`${ASIA}/nats`)}`
    let sent = 0
    const arrives = async (what: string) => {
      const prefix = `${what}-`
      await waitFor(
        `a message ${what}`,
        async () => {
          await publisher.publish('test', `${prefix}${sent++}`)
          return subscriber.received.some((word) => word.startsWith(prefix))
        },
        { timeoutMs: 60_000, everyMs: 100, diagnose },
      )
    }
    const forward = await gatewayPort(EAST, ASIA)
    await arrives('before')
    expect((await outbound(EAST, ASIA)).port).toBe(forward)

    // A black hole: the gateway takes what is published, and it is gone.
    await world.lab.links.cutPair(EAST, ASIA)
    const handed = (await outbound(EAST, ASIA)).outMsgs
    for (let i = 0; i < 5; i++) await publisher.publish('test', `hole-${i}`)
    await waitFor(
      'the gateway to have sent into the hole',
      async () => {
        return (await outbound(EAST, ASIA)).outMsgs >= handed + 5
      },
      { timeoutMs: 60_000, diagnose },
    )
    await world.lab.links.healPair(EAST, ASIA)
    await arrives('healed')

    // Now the connection ends and is dialled anew: what was gossiped must not be a way around.
    await world.lab.links.cutPair(EAST, ASIA, 'refuse')
    const refused = () => occurrences(diagnose(), '127.0.0.1:1:')
    const triedBefore = refused()
    await waitFor('the gossiped address to have been tried', () => refused() > triedBefore, {
      timeoutMs: 60_000,
      diagnose,
    })
    for (let i = 0; i < 5; i++) await publisher.publish('test', `refused-${i}`)
    await world.lab.links.healPair(EAST, ASIA)
    await arrives('again')
    expect((await outbound(EAST, ASIA)).port).toBe(forward)
    expect(subscriber.received.filter((word) => /^(hole|refused)-/.test(word))).toEqual([])
  })

  test('a killed process is told of, stays dead and comes back on request', async () => {
    const name = `${WEST}/etcd-1`
    const exits: string[] = []
    const forget = world.onExit((exit) => exits.push(`${exit.name} ${exit.region} ${exit.exit}`))
    await world.kill(name)
    expect(exits).toEqual([`${name} ${WEST} SIGKILL`])
    expect(world.processes().find((each) => each.name === name)).toMatchObject({ state: 'dead', pid: undefined })
    forget()
    await world.restart(name)
    world.pause(name)
    expect(world.processes().find((each) => each.name === name)?.state).toBe('paused')
    world.resume(name)
    expect(world.processes().find((each) => each.name === name)?.state).toBe('ready')
  })

  test('stops everything, twice is once, and what was written is there at the next start', async () => {
    world.pause(`${WEST}/nats`)
    const pids = pidsOf(world).map(identityOf)
    const begunMs = performance.now()
    await Promise.all([world.stop(), world.stop()])
    process.stdout.write(`stopped in ${Math.round(performance.now() - begunMs)} ms\n`)
    expect(pids.filter(isAlive)).toEqual([])
    await expect(stat(join(dataDir, 'world.json'))).rejects.toMatchObject({ code: 'ENOENT' })

    const options = { ...testWorldOptions(dataDir, basePortOf(world)), only: ['etcd' as const], calibrationSamples: 1 }
    await using again = await startWorld(options)
    const clientUrl = again.regions[0]?.globalEtcd?.clientUrl ?? ''
    const answer = await etcdCall(clientUrl, 'kv/range', { key: 'aw==' }, 10_000)
    expect(answer).toMatchObject({ kvs: [{ value: 'dg==' }] })
    expect(again.processes()).toHaveLength(6)
  })
})

async function outbound(from: string, to: string): Promise<{ port: number; outMsgs: number }> {
  const { data } = await loadRegionFolder(join(dataDir, 'regions', from))
  const answer = await fetch(`http://${data?.nats.monitor}/gatewayz`)
  const schema = z.object({
    outbound_gateways: z.record(z.string(), z.object({ connection: z.object({ port: z.int(), out_msgs: z.int() }) })),
  })
  const connection = schema.parse(await answer.json()).outbound_gateways[to]?.connection
  return { port: connection?.port ?? 0, outMsgs: connection?.out_msgs ?? 0 }
}

/** The port on which the configuration of `from` says that the gateway of `to` is dialled: a forward of the lab. */
async function gatewayPort(from: string, to: string): Promise<number> {
  const conf = await readFile(join(dataDir, 'regions', from, 'nats.conf'), 'utf8')
  return Number(new RegExp(`name: "${to}", urls: \\["nats://127.0.0.1:(\\d+)"`).exec(conf)?.[1])
}

/** The voter of G of the first region listens for clients on the first port of all. */
const basePortOf = (running: World): number => Number(new URL(running.regions[0]?.globalEtcd?.clientUrl ?? '').port)

const occurrences = (text: string, part: string): number => text.split(part).length - 1

function pidsOf(running: World): number[] {
  const { front, toxiproxy } = running.lab.pids
  return [front, toxiproxy, ...running.processes().flatMap(({ pid }) => (pid === undefined ? [] : [pid]))]
}

test('every port in use is named with what it is wanted for, and nothing is started', async () => {
  await using folder = await tempDir('meridian-world-')
  await using taken = await occupyTwo(102, 2010)
  const { basePort } = taken
  const starting = startWorld(testWorldOptions(join(folder.path, 'world'), basePort))
  await expect(starting).rejects.toMatchObject({ code: 'PORT_IN_USE' })
  const message = String(await starting.catch((error: unknown) => error))
  expect(message).toContain(`port ${basePort + 102} (NATS, clients, of eu-west): in use by pid ${process.pid}`)
  expect(message).toContain(`port ${basePort + 2010} (egress of us-east): in use by pid ${process.pid}`)
})

test('an interrupted start leaves nothing', async () => {
  await using folder = await tempDir('meridian-world-')
  const dir = join(folder.path, 'world')
  const interrupt = new AbortController()
  const pids: number[] = []
  const starting = startTestWorld({
    ...testWorldOptions(dir, 0),
    calibrationSamples: 1,
    signal: interrupt.signal,
    progress: (event) => {
      if (event.kind !== 'process' || event.event.kind !== 'started') return
      pids.push(event.event.pid)
      if (pids.length === 2) interrupt.abort()
    },
  })
  await expect(starting).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(pids.map(identityOf).filter(isAlive)).toEqual([])
  await expect(stat(join(dir, 'lock'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a supervisor killed by SIGKILL leaves no process behind', async () => {
  await using folder = await tempDir('meridian-world-')
  const main = fileURLToPath(new URL('../fixtures/world-child.ts', import.meta.url))
  const child = spawn(process.execPath, [main, join(folder.path, 'world')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`exited with ${code}`)))
  })
  const left = z.array(z.int()).parse(JSON.parse(line)).map(identityOf)
  expect(left).toHaveLength(2 + 9)
  expect(left.filter(isAlive)).toHaveLength(left.length)
  child.kill('SIGKILL')
  await waitFor('everything to be gone', () => !left.some(isAlive), { timeoutMs: 60_000 })
})
