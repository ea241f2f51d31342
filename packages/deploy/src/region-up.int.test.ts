import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBinary, freePort, tempDir, waitFor } from '@meridian/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { etcdHealthy } from './probes.ts'
import { identityOf, isAlive } from './process-identity.ts'
import { loadRegionFolder } from './region-folder.ts'
import { logFolder, regionProcesses } from './region-processes.ts'
import { regionUp } from './region-up.ts'
import type { RegionProgress, RegionUpOptions } from './region-up.ts'
import { render } from './render.ts'
import { writeRendered } from './rendered-folder.ts'
import { Supervisor } from './supervisor.ts'
import { firstRegions } from './topology-checks.ts'
import { loadTopology } from './topology-file.ts'
import type { Topology } from './topology.ts'
import { privateFolder } from './world-lock.ts'

const COMMITTED = fileURLToPath(new URL('../../../regions/topology.yaml', import.meta.url))

// Stands in for the program with the commands `server` and `node`: listens where the configuration says.
const MAIN = `
const { readFileSync, mkdirSync } = require('node:fs')
const [command, ...rest] = process.argv.slice(2)
const option = (name) => rest[rest.indexOf('--' + name) + 1]
mkdirSync(option('data'), { recursive: true })
const text = readFileSync(option('config'), 'utf8')
const [, host, port] = new RegExp('id: ' + option('id') + '\\\\n(?: +zone: .*\\\\n)? +listen: (.*):([0-9]+)').exec(text)
process.on('SIGTERM', () => process.exit(0))
require('node:net').createServer(() => {}).listen(Number(port), host)
console.log(command, option('id'), process.env.EXTRA)
`

let folder: Awaited<ReturnType<typeof tempDir>>
let topology: Topology
let binaries: RegionUpOptions['binaries']
beforeAll(async () => {
  folder = await tempDir('meridian-region-')
  // Short timers: nothing here crosses a wide area.
  const committed = firstRegions(await loadTopology(COMMITTED), 3)
  const regional = { ...committed.etcd.regional, heartbeatMs: 50, electionMs: 500 }
  topology = { ...committed, basePort: await freeBase(), etcd: { global: regional, regional } }
  writeFileSync(join(folder.path, 'main.cjs'), MAIN)
  binaries = {
    etcd: findBinary('etcd'),
    natsServer: findBinary('nats-server'),
    node: process.execPath,
    main: join(folder.path, 'main.cjs'),
  }
})
afterAll(async () => {
  await folder[Symbol.asyncDispose]()
})

/** A base whose three hundred ports nobody is likely to have: the test kit draws single ones from the same area. */
async function freeBase(): Promise<number> {
  return Math.min(31_000, Math.floor((await freePort()) / 100) * 100)
}

async function rendered(name: string, world: Topology): Promise<string> {
  const path = join(folder.path, name)
  mkdirSync(path)
  await writeRendered(path, render(world))
  return path
}

describe('a region', () => {
  it('comes up from its folder alone, in order, and leaves nothing behind', async () => {
    const regionsDir = await rendered('alone', {
      ...topology,
      regions: topology.regions.map((region) => ({ ...region, etcdMembers: 3 })),
    })
    const dataDir = join(folder.path, 'alone-data')
    const progress: RegionProgress[] = []
    const options: RegionUpOptions = {
      regionsDir,
      region: 'eu-west',
      dataDir,
      binaries,
      extraEnv: { EXTRA: 'handed-down' },
      onProgress: (each) => progress.push(each),
    }
    const region = await regionUp(options)
    await using _ = region
    const names = region.supervisor.list().map((each) => each.name)
    expect(names).toEqual([
      'eu-west-etcd-global',
      'eu-west-etcd-1',
      'eu-west-etcd-2',
      'eu-west-etcd-3',
      'eu-west-nats',
      'eu-west-s1',
      'eu-west-n1',
      'eu-west-n2',
      'eu-west-n3',
    ])
    expect(region.supervisor.list().every((each) => each.state === 'ready')).toBe(true)
    const readyNames = progress.flatMap((each) => (each.kind === 'ready' ? [each.name] : []))
    expect(readyNames[0]).toBe('eu-west-etcd-global')
    expect(readyNames.slice(1, 4).toSorted()).toEqual(names.slice(1, 4))
    await waitFor('the log of n2', () =>
      readFileSync(join(logFolder(dataDir), 'eu-west-n2.log'), 'utf8').includes('node eu-west-n2 handed-down'),
    )
    expect(existsSync(join(dataDir, 'eu-west-n2'))).toBe(true)

    // A second one in the same folder is refused by name and touches nothing; in another folder the ports refuse it.
    await expect(regionUp(options)).rejects.toMatchObject({
      code: 'WORLD_IN_USE',
      message: expect.stringContaining(`${process.pid}`),
    })
    const elsewhere = regionUp({ ...options, dataDir: join(folder.path, 'other-data') })
    await expect(elsewhere).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(/^port \d+ \(global etcd eu-west, clients\): in use by pid \d+ \(etcd\)/),
    })

    const processes = region.supervisor.list().map((each) => identityOf(each.pid ?? 0))
    await Promise.all([region.stop(), region.stop()])
    expect(processes.some(isAlive)).toBe(false)
    expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  })

  it('that cannot start leaves nothing running, and says which process and why', async () => {
    const regionsDir = await rendered('broken', topology)
    const conf = join(regionsDir, 'us-east/nats.conf')
    writeFileSync(conf, readFileSync(conf, 'utf8').replace('max_payload', 'max_payloads'))
    const started: number[] = []
    const up = regionUp({
      regionsDir,
      region: 'us-east',
      dataDir: join(folder.path, 'broken-data'),
      binaries,
      onProgress: (each) => {
        if (each.kind === 'started') started.push(each.pid)
      },
    })
    await expect(up).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /^us-east-nats exited with code 1 before it was ready; the end of [^]*max_payloads/,
      ),
    })
    expect(started).toHaveLength(3)
    expect(started.map(identityOf).some(isAlive)).toBe(false)
    expect(existsSync(join(folder.path, 'broken-data/lock'))).toBe(false)
  })

  it('that is unknown, or no id at all, is refused before anything is touched', async () => {
    const options = { regionsDir: folder.path, dataDir: join(folder.path, 'never'), binaries }
    await expect(regionUp({ ...options, region: 'mars' })).rejects.toMatchObject({ code: 'REGION_UNKNOWN' })
    await expect(regionUp({ ...options, region: '../etc' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(existsSync(options.dataDir)).toBe(false)
  })
})

describe('the voters of G', () => {
  it('started one after the other, each long after the last was ready, find a leader', async () => {
    const regionsDir = await rendered('voters', topology)
    await using supervisor = new Supervisor()
    const urls: string[] = []
    for (const { id } of topology.regions) {
      const dataDir = join(folder.path, 'voters-data', id)
      await privateFolder(dataDir)
      await privateFolder(logFolder(dataDir))
      const loaded = await loadRegionFolder(join(regionsDir, id))
      urls.push(loaded.globalVoter?.clientUrl ?? '')
      const voter = regionProcesses({ folder: loaded, dataDir, binaries }).slice(0, 1)
      await supervisor.start(voter)
      const name = `${id}-etcd-global`
      expect(supervisor.list().find((each) => each.name === name)?.state).toBe('ready')
      if (urls.length === 1) {
        // Longer than etcd itself waits for its peers at a start: it must neither serve nor give up.
        const log = () => readFileSync(join(logFolder(dataDir), `${name}.log`), 'utf8')
        const alone = () => log().includes('failed to publish local member to cluster')
        await waitFor('the lone voter to find that it is alone', alone, { timeoutMs: 60_000, diagnose: log })
        expect(await etcdHealthy(urls[0] ?? '')).toBe(false)
      }
    }
    for (const url of urls) await waitFor(`a leader at ${url}`, () => etcdHealthy(url), { timeoutMs: 60_000 })
    expect(supervisor.list().map((each) => [each.state, each.restarts])).toEqual(Array(3).fill(['ready', 0]))
  })
})
