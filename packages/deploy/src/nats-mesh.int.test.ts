import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findBinary, freePort, startTcpCutter, tempDir, waitFor } from '@meridian/testkit'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { loadRegionFolder } from './region-folder.ts'
import { logFolder, regionProcesses } from './region-processes.ts'
import { render } from './render.ts'
import { portsOf } from './render/layout.ts'
import { NOWHERE } from './render/nats-conf.ts'
import { writeRendered } from './rendered-folder.ts'
import { Supervisor } from './supervisor.ts'
import { firstRegions, regionOf } from './topology-checks.ts'
import { loadTopology } from './topology-file.ts'
import { privateFolder } from './world-lock.ts'

const COMMITTED = fileURLToPath(new URL('../../../regions/topology.yaml', import.meta.url))
/** Gateways try again about once a second; after this many refusals one would have tried what gossip told it. */
const REFUSALS = 4
const SETTLE_MS = 500
const VARZ = z.object({
  gateway: z.object({ gateways: z.array(z.object({ name: z.string(), urls: z.array(z.string()) })) }),
})

it('gateways join all regions, and one whose way is cut finds no other', async () => {
  await using folder = await tempDir('meridian-mesh-')
  const committed = firstRegions(await loadTopology(COMMITTED), 3)
  const world = {
    ...committed,
    basePort: Math.min(31_000, Math.floor((await freePort()) / 100) * 100),
    // Names that resolve nowhere, as the lab uses them.
    regions: committed.regions.map((region) => ({ ...region, address: `${region.id}.wan.test` })),
  }
  const gateway = (id: string) => `127.0.0.1:${portsOf(world, regionOf(world, id)).natsGateway}`
  await using cutter = await startTcpCutter(gateway('eu-west'))
  const gatewayUrl = (source: string, target: string) =>
    `nats://${source === 'us-east' && target === 'eu-west' ? cutter.address : gateway(target)}`
  await writeRendered(folder.path, render(world, { gatewayUrl }))

  await using supervisor = new Supervisor()
  for (const { id } of world.regions) {
    const dataDir = join(folder.path, '.data', id)
    await privateFolder(dataDir)
    await privateFolder(logFolder(dataDir))
    const binaries = { etcd: 'none', natsServer: findBinary('nats-server'), node: 'none', main: 'none' }
    const specs = regionProcesses({ folder: await loadRegionFolder(join(folder.path, id)), dataDir, binaries })
    await supervisor.start(specs.filter((spec) => spec.name === `${id}-nats`))
  }

  const outbound = async (id: string): Promise<string[]> => {
    const answer = await fetch(`http://127.0.0.1:${portsOf(world, regionOf(world, id)).natsMonitor}/gatewayz`)
    const { outbound_gateways: gateways }: { outbound_gateways?: object } = JSON.parse(await answer.text())
    return Object.keys(gateways ?? {}).sort()
  }
  /** Where `source` may dial `target` by what it has been told, after a moment for what is under way. */
  const ways = async (source: string, target: string): Promise<string[]> => {
    await delay(SETTLE_MS)
    const answer = await fetch(`http://127.0.0.1:${portsOf(world, regionOf(world, source)).natsMonitor}/varz`)
    const { gateway: own } = VARZ.parse(await answer.json())
    return own.gateways.find(({ name }) => name === target)?.urls ?? []
  }
  const others = (id: string) =>
    world.regions
      .map((region) => region.id)
      .filter((other) => other !== id)
      .sort()
  const joined = async () => {
    for (const { id } of world.regions) {
      await waitFor(`the gateways of ${id}`, async () => (await outbound(id)).join() === others(id).join(), {
        timeoutMs: 60_000,
      })
    }
  }
  await joined()
  // A server also gossips the addresses that its own configuration has for third ones. They are forgotten with the first
  // word of the third, and kept if they come after it: a matter of milliseconds, and of NATS. Who keeps one starts anew.
  for (let starts = 1; !(await ways('us-east', 'eu-west')).every((way) => [cutter.address, NOWHERE].includes(way));) {
    starts += 1
    if (starts > 10) throw new Error(`us-east knows ${(await ways('us-east', 'eu-west')).join()} in every life`)
    await supervisor.restart('us-east-nats')
    await joined()
  }

  let refusals = 0
  cutter.onBytes('downstream', () => {
    refusals += 1
    return 'cut'
  })
  cutter.cutAll()
  const logOf = (id: string) => readFileSync(join(logFolder(join(folder.path, '.data', id)), `${id}-nats.log`), 'utf8')
  await waitFor('refusals', () => refusals >= REFUSALS, {
    timeoutMs: 60_000,
    diagnose: () => `${refusals} refusals, ${cutter.connections} connections; ${logOf('us-east').slice(-4000)}`,
  })
  expect(await outbound('us-east')).toEqual(['ap-southeast'])
  expect(await outbound('eu-west')).toEqual(['ap-southeast', 'us-east'])

  cutter.onBytes('downstream', undefined)
  await waitFor('the gateway to be back', async () => (await outbound('us-east')).includes('eu-west'), {
    timeoutMs: 60_000,
  })
})
