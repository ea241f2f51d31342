import { HybridClock } from '@meridian/hlc'
import { ManualClock as ManualWall } from '@meridian/hlc/testing'
import { silentLogger, systemClock } from '@meridian/loop'
import { MemoryStore } from '@meridian/store/memory'
import type { MemoryCluster } from '@meridian/store/memory'
import { Mirror } from '@meridian/store/mirror'
import { keyspaceName, operationId, regionId } from '@meridian/topology'
import { bootstrapGlobal } from './bootstrap.ts'
import { GLOBAL_MIRROR_PREFIXES, GlobalView } from './global-view.ts'
import { OwnershipService } from './ownership-service.ts'
import type { OwnershipOptions } from './ownership-service.ts'

/** Test only: one region server's share of the global tier, on a memory cluster that several of them may share. */
export async function openGlobalServer(
  cluster: MemoryCluster,
  origin: string,
  wallMs = 1_800_000_000_000,
  more: Partial<Pick<OwnershipOptions, 'meter' | 'clock' | 'leaderChanges'>> = {},
) {
  const store = new MemoryStore(cluster)
  const signal = AbortSignal.timeout(30_000)
  await bootstrapGlobal(store, signal)
  const random = () => 0.5
  const mirror = await Mirror.open(
    store,
    { prefixes: GLOBAL_MIRROR_PREFIXES, clock: systemClock, log: silentLogger, random },
    signal,
  )
  const view = new GlobalView(mirror)
  const wall = new ManualWall(wallMs)
  const hlc = new HybridClock({ origin, physical: wall })
  const service = new OwnershipService({ store, view, hlc, clock: systemClock, log: silentLogger, random, ...more })
  return { store, mirror, view, wall, hlc, service, signal, [Symbol.asyncDispose]: () => mirror[Symbol.asyncDispose]() }
}

export const CITIES = keyspaceName('cities')
export const EAST = regionId('us-east')
export const WEST = regionId('eu-west')

let operations = 0
export const nextOperation = () => operationId(`test-${(operations += 1)}`)
