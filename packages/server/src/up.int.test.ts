import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readWorldFile } from '@meridian/cli'
import { tempDir, waitFor } from '@meridian/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { meridian } from './fixtures/meridian.ts'
import { MAIN } from './paths.ts'

// `meridian up` and the commands beside it, as a person runs them: processes, ports, signals, exit codes.

/** Away from the default, so that a world somebody runs by hand does not matter. */
const BASE_PORT = 27_000

/** Processes whose command line names the folder: every server and node of the world, and the front of its WAN. */
function running(data: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^[0-9]+$/.test(pid))
    .flatMap((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return text.includes(data) && Number(pid) !== process.pid ? [text] : []
      } catch {
        // Gone between the listing and the look.
        return []
      }
    })
}

describe('meridian up', () => {
  let world: ChildProcess
  let data: string
  let folder: Awaited<ReturnType<typeof tempDir>>
  let said = ''

  beforeAll(async () => {
    folder = await tempDir('up')
    data = join(folder.path, 'world')
    world = spawn(process.execPath, [MAIN, '--data', data, 'up', '--base-port', String(BASE_PORT)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    world.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    world.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await waitFor('the world to be up', () => said.includes('regions are up'), {
      timeoutMs: 110_000,
      diagnose: () => said,
    })
  })

  afterAll(async () => {
    if (world.exitCode === null && world.signalCode === null) world.kill('SIGKILL')
    await folder[Symbol.asyncDispose]()
  })

  it('tells the calibration, and writes a world file that the commands read', async () => {
    expect(said).toMatch(/us-east -> ap-southeast +236\.0 +\d{3,}\.\d/)
    expect(said).toMatch(/nothing crossed 3 cut pairs/)
    const file = await readWorldFile(data)
    expect(file.regions.map((region) => region.id)).toEqual(['us-east', 'eu-west', 'ap-southeast'])
  })

  it('serves the status of three regions', async () => {
    const { code, out } = await meridian(data, 'status', '--json')
    const status: unknown = JSON.parse(out)
    expect(code).toBe(0)
    expect(status).toMatchObject({
      regions: ['us-east', 'eu-west', 'ap-southeast'].map((region) => ({
        region,
        status: { nodes: [{ status: 'up' }, { status: 'up' }, { status: 'up' }] },
      })),
    })
  })

  it('writes in one region what another reads', async () => {
    for (const args of [
      ['keyspace', 'create', 'places', '--owner', 'us-east', '--standby', 'eu-west'],
      ['range', 'split', 'places', 'm'],
      ['range', 'assign', 'places/m', '--to', 'ap-southeast'],
      ['range', 'open', 'places/'],
      ['range', 'open', 'places/m', '--shards-at', 'p,t'],
      ['put', 'places/zebra', 'stripes'],
    ]) {
      const { code, err } = await meridian(data, ...args)
      expect(code, `${args.join(' ')}: ${err}`).toBe(0)
    }
    expect((await meridian(data, 'get', 'places/zebra', '--region', 'eu-west')).out).toBe('stripes\n')
    expect((await meridian(data, 'scan', 'places', '--count', '--json')).out).toContain('"1"')
    expect((await meridian(data, 'put', 'places/apple', 'green')).code).toBe(0)
    const stale = ['get', 'places/apple', '--region', 'eu-west', '--mode', 'stale', '--max-staleness', '10s', '--json']
    const { out } = await meridian(data, ...stale)
    expect(JSON.parse(out)).toMatchObject({ value: 'green', stalenessMs: expect.any(Number) })
    expect((await meridian(data, 'get', 'places/apple', '--max-staleness', '1s')).err).toContain('--mode stale')
  })

  it('measures how far the regions are apart, within what the emulation allows', async () => {
    const nominal: Record<string, number> = {
      'eu-west us-east': 71,
      'ap-southeast us-east': 236,
      'ap-southeast eu-west': 187,
    }
    const nominalMs = (source: string, target: string) => nominal[[source, target].toSorted().join(' ')] ?? Number.NaN
    let rtts: { source: string; target: string; minMs: number; p50Ms: number }[] = []
    // The least of a few samples is a busy machine's; with every further one it comes closer to the link's.
    await waitFor(
      'every ordered pair, as close as a quiet moment shows it',
      async () => {
        rtts = JSON.parse((await meridian(data, 'rtt', '--json')).out).rtts
        return (
          rtts.length === 6 && rtts.every(({ source, target, minMs }) => minMs < 1.02 * nominalMs(source, target) + 7)
        )
      },
      { timeoutMs: 90_000, diagnose: () => JSON.stringify(rtts) },
    )
    for (const { source, target, minMs, p50Ms } of rtts) {
      expect(minMs, `${source} -> ${target}`).toBeGreaterThan(nominalMs(source, target) - 1)
      expect(p50Ms).toBeGreaterThanOrEqual(minMs)
    }
  })

  it('sets what was done against what distance allows, for people, machines and Prometheus', async () => {
    expect((await meridian(data, 'keyspace', 'create', 'far', '--owner', 'us-east')).code).toBe(0)
    expect((await meridian(data, 'range', 'split', 'far', 'c')).code).toBe(0)
    const { rows } = JSON.parse((await meridian(data, 'tax', '--json')).out)
    expect(rows).toContainEqual(expect.objectContaining({ operation: 'create-keyspace', tier: 'global', count: 2 }))
    expect(rows).toContainEqual(
      expect.objectContaining({ operation: 'page', tier: 'regional', floorReason: expect.any(String) }),
    )
    const split = rows.find((row: { operation: string }) => row.operation === 'split')
    expect(split).toMatchObject({ clientRegion: 'us-east', floorMs: expect.any(Number), ratioP50: expect.any(Number) })
    expect(split.ratioP50).toBeGreaterThan(0.95)
    const metrics = await (await fetch(`http://127.0.0.1:${BASE_PORT + 28}/metrics`)).text()
    expect(metrics).toMatch(
      /meridian_control_operation_seconds_count\{operation="split",tier="global",client_region="us-east"/,
    )
    expect(metrics).toMatch(/meridian_rtt_seconds\{source="us-east",target="eu-west",figure="min"\} 0\.07/)
    expect(metrics).toMatch(/meridian_region_lease_remaining_seconds [1-9]/)
  })

  it('moves the global leader where it is preferred, without failing a change on its way, and says why', async () => {
    const explain = async () => JSON.parse((await meridian(data, 'leader', 'explain', '--json')).out)
    await waitFor('a placer', async () => (await explain()).candidates?.length === 3, { timeoutMs: 60_000 })
    const { leader } = await explain()
    const target = leader === 'eu-west' ? 'us-east' : 'eu-west'
    const [preferred, ...splits] = await Promise.all([
      meridian(data, 'leader', 'prefer', target),
      ...['d', 'e', 'f', 'g'].map((at) => meridian(data, 'range', 'split', 'far', at)),
    ])
    expect(preferred.code, preferred.err).toBe(0)
    await waitFor(`the leader in ${target}`, async () => (await explain()).leader === target, { timeoutMs: 60_000 })
    for (const split of splits) expect(split.code, split.err).toBe(0)
    // The placer looks from time to time; what it says of the new place comes with its next look.
    await waitFor('its word', async () => (await explain()).decision === `stay in ${target}`, { timeoutMs: 60_000 })
    expect(await explain()).toMatchObject({
      preferred: target,
      reason: expect.stringContaining(`${target} is asked for`),
    })
    expect((await meridian(data, 'leader', 'prefer', '--clear')).out).toContain('costs decide')
    expect((await meridian(data, 'leader', 'prefer', 'mars')).code).toBe(3)
  })

  it.each<[number, string, string[]]>([
    [3, 'KEYSPACE_UNKNOWN', ['get', 'nowhere/x']],
    [3, 'REGION_UNKNOWN', ['range', 'assign', 'places/', '--to', 'mars']],
    [4, 'RANGE_NOT_VACANT', ['range', 'assign', 'places/', '--to', 'eu-west']],
    [4, 'KEYSPACE_EXISTS', ['keyspace', 'create', 'places', '--owner', 'us-east']],
    [2, 'VALUE_TOO_LARGE', ['put', 'places/x', 'v'.repeat(70_000)]],
    [2, 'KEY_TOO_LARGE', ['put', `places/${'k'.repeat(2000)}`, 'v']],
    [2, 'INVALID_ARGUMENT', ['range', 'split', 'Places', 'x']],
    [1, 'WORLD_IN_USE', ['up', '--base-port', String(BASE_PORT + 1000)]],
  ])('ends with %i and says %s', async (code, error, args) => {
    const ended = await meridian(data, ...args)
    expect({ code: ended.code, err: ended.err }).toEqual({ code, err: expect.stringContaining(error) })
  })

  it('refuses taken ports by name', async () => {
    const ended = await meridian(join(folder.path, 'other'), 'up', '--base-port', String(BASE_PORT))
    expect(ended.code).toBe(1)
    expect(ended.err).toMatch(new RegExp(`PORT_IN_USE[^]*port ${BASE_PORT} .*in use by pid`))
  })

  it('stops everything on SIGINT, in order, and keeps the data', async () => {
    expect(running(data).length).toBeGreaterThan(12)
    world.kill('SIGINT')
    await waitFor('the world to end', () => world.exitCode !== null || world.signalCode !== null, {
      timeoutMs: 60_000,
      diagnose: () => said,
    })
    expect(world.exitCode).toBe(0)
    expect(said).toMatch(/stopped; data is kept/)
    expect(existsSync(join(data, 'world.json'))).toBe(false)
    expect(running(data)).toEqual([])
    expect((await meridian(data, 'status')).err).toContain('start one with: meridian up')
  })
})
