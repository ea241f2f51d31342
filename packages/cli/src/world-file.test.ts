import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { nodeId, regionId } from '@meridian/topology'
import { placeFor, placesOf } from './place.ts'
import { recordedRun } from './recorded-run.ts'
import { parseWorld, readWorldFile, worldFilePath } from './world-file.ts'
import type { World, WorldRegion } from './world-file.ts'

const region = (id: string): WorldRegion => ({
  id: regionId(id),
  displayName: `Region ${id}`,
  servers: [`${id}.wan.test:24010`],
  nats: ['nats://127.0.0.1:24006'],
  hosts: { [`${id}.wan.test`]: '127.0.0.1' },
  proxy: '127.0.0.1:24090',
  nodes: [{ id: nodeId(`${id}-1`), zone: `${id}-a`, address: `${id}.wan.test:24020` }],
})
const world: World = { version: 1, pid: process.pid, regions: [region('us-east'), region('eu-west')] }
/** Above every process id that Linux gives out. */
const GONE_PID = 2 ** 22 + 1

let data: string
beforeEach(async () => {
  data = join(await mkdtemp(join(tmpdir(), 'meridian-cli-')), 'world')
})
afterEach(async () => {
  await rm(join(data, '..'), { recursive: true, force: true })
})

async function writeWorld(written: World): Promise<void> {
  await mkdir(data, { recursive: true })
  await writeFile(worldFilePath(data), JSON.stringify(written))
}

test('what was written is read', async () => {
  await writeWorld(world)
  expect(await readWorldFile(data)).toEqual(world)
})

describe('a world that cannot be used', () => {
  it('is missing: the file and the way to start one are named', async () => {
    const run = await recordedRun(['status', '--data', data])
    expect(run).toMatchObject({ exit: 1, stdout: '' })
    expect(run.stderr).toBe(
      `error UNAVAILABLE: no world here: ${data}/world.json is missing; start one with: meridian up\n`,
    )
  })

  it('has ended: its process is named', async () => {
    await writeWorld({ ...world, pid: GONE_PID })
    const run = await recordedRun(['get', 'cities/a', '--data', data])
    expect(run.exit).toBe(1)
    expect(run.stderr).toContain(`process ${GONE_PID} is gone; start it again with: meridian up`)
  })

  it('has no such region: those it has are named', async () => {
    await writeWorld(world)
    const run = await recordedRun(['status', '--data', data, '--region', 'mars'])
    expect(run.exit).toBe(3)
    expect(run.stderr).toContain('error REGION_UNKNOWN: no region mars')
    expect(run.stderr).toContain('us-east, eu-west')
  })

  it('is too large to be one', async () => {
    await writeWorld(world)
    await writeFile(worldFilePath(data), ' '.repeat(1024 * 1024 + 1))
    await expect(readWorldFile(data)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

const broken = (change: (copy: Record<string, unknown>, first: Record<string, unknown>) => void): string => {
  const copy = JSON.parse(JSON.stringify(world)) as Record<string, unknown> & { regions: Record<string, unknown>[] }
  change(copy, copy.regions[0] ?? {})
  return JSON.stringify(copy)
}
test.each([
  ['{', 'JSON'],
  ['[]', 'the file is no object'],
  [broken((copy) => (copy['version'] = 2)), 'version is 2'],
  [broken((copy) => (copy['pid'] = 'x')), 'pid is no process id'],
  [broken((copy) => (copy['regions'] = {})), 'regions is no list'],
  [broken((copy) => (copy['regions'] = [])), 'regions is empty'],
  [broken((_, first) => (first['id'] = 'US')), 'regions[0].id: "US" is no region id'],
  [broken((_, first) => (first['servers'] = ['nowhere'])), 'regions[0].servers[0] is no host:port'],
  [broken((_, first) => (first['hosts'] = { a: 1 })), 'regions[0].hosts.a is no text'],
  [broken((_, first) => (first['proxy'] = 'x')), 'regions[0].proxy is no host:port'],
  [broken((_, first) => (first['nodes'] = [{ id: 'a' }])), 'regions[0].nodes[0].zone is no text'],
])('a file that is %.40s… is refused, and where', (text, complaint) => {
  expect(() => parseWorld(text, '/w/world.json')).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(complaint),
    }),
  )
})

test('the place of a client is the first region or the one named, dialled as from within', () => {
  const none = { region: undefined, nats: [], data }
  expect(placesOf(world, none).map(({ label }) => label)).toEqual(['us-east', 'eu-west'])
  const [home, other] = placesOf(world, { ...none, region: regionId('eu-west'), nats: ['nats://elsewhere:1'] })
  expect([home.label, other?.label]).toEqual(['eu-west', 'us-east'])
  expect(home.nats).toEqual(['nats://elsewhere:1'])
  expect(home.dialling).toEqual({ hosts: { 'eu-west.wan.test': '127.0.0.1' }, proxy: '127.0.0.1:24090' })
})

test('what is done about a region that may be lost is done from another, unless somebody wishes otherwise', () => {
  const none = { region: undefined, nats: [], data: '/w' }
  const from = (awayFrom: string | undefined, region?: string): string => {
    const wished = { ...none, region: region === undefined ? undefined : regionId(region) }
    const away = awayFrom === undefined ? undefined : regionId(awayFrom)
    return placeFor(placesOf(world, wished), wished, away).label
  }
  expect([from(undefined), from('us-east'), from('eu-west'), from('us-east', 'us-east')]).toEqual([
    'us-east',
    'eu-west',
    'us-east',
    'us-east',
  ])
})
