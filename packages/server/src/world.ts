import { clientOf, openChannel } from '@meridian/rpc'
import { StatusServiceDefinition } from '@meridian/protocol'
import { join } from 'node:path'
import type { WorldOptions, WorldRegion } from '@meridian/lab'
import { MeridianError } from '@meridian/topology'
import { regionBinaries, toxiproxyBinary } from './binaries.ts'
import { HOME } from './paths.ts'

/** What `up` and `demo` start alike: the committed topology and matrix, the tools of the launcher. */
export function worldDefaults(
  dataDir: string,
): Pick<WorldOptions, 'topologyFile' | 'matrixFile' | 'dataDir' | 'binaries' | 'isReady'> {
  return {
    topologyFile: join(HOME, 'regions/topology.yaml'),
    matrixFile: join(HOME, 'regions/wan/aws.yaml'),
    dataDir,
    binaries: { ...regionBinaries(), toxiproxy: toxiproxyBinary() },
    isReady: regionServes,
  }
}

/** True once a server of the region has a controller, a publisher and the lease, and sees so many nodes up. */
export async function regionServes(region: WorldRegion, nodes = region.nodes.length): Promise<boolean> {
  const address = region.servers[0]
  if (address === undefined) return true
  const colon = address.lastIndexOf(':')
  const ip = region.hosts[address.slice(0, colon)] ?? address.slice(0, colon)
  await using channel = openChannel(`${ip}${address.slice(colon)}`)
  const status = await clientOf(StatusServiceDefinition, channel).getStatus({}, { timeoutMs: 3000 })
  const up = status.nodes.filter((node) => node.status === 'up').length
  return status.controller !== '' && status.publisher !== '' && (status.lease?.remainingMs ?? 0) > 0 && up >= nodes
}

/** @throws MeridianError INVALID_ARGUMENT */
export function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${name} is a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`,
    )
  }
  return value
}
