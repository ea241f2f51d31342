import { startWorld } from '@meridian/lab'
import type { World } from '@meridian/lab'
import { MeridianError } from '@meridian/topology'
import { aborted } from '@meridian/loop'
import { WORLD_DATA } from './paths.ts'
import { worldLines } from './world-report.ts'
import { wholeNumber, worldDefaults } from './world.ts'

const REGIONS_MAX = 5

export interface UpOptions {
  readonly data?: string
  readonly json?: boolean
  readonly regions: string
  readonly etcdMembers: string
  readonly fresh?: boolean
  readonly basePort?: string
}

/** `meridian up`: until it is asked to stop. */
export async function up(options: UpOptions, signal: AbortSignal): Promise<void> {
  const etcdMembers = wholeNumber('--etcd-members', options.etcdMembers, 1, 3)
  if (etcdMembers === 2)
    throw new MeridianError('INVALID_ARGUMENT', '--etcd-members is 1 or 3: two members survive no loss')
  const regions = wholeNumber('--regions', options.regions, 3, REGIONS_MAX)
  const print = (line: string) => process.stdout.write(`${line}\n`)
  const dataDir = options.data ?? process.env['MERIDIAN_DATA'] ?? WORLD_DATA
  await using world = await startWorld({
    ...worldDefaults(dataDir),
    regions,
    etcdMembers: etcdMembers === 3 ? 3 : 1,
    ...(options.basePort === undefined ? {} : { basePort: wholeNumber('--base-port', options.basePort, 1024, 60_000) }),
    fresh: options.fresh ?? false,
    signal,
    progress: (event) => {
      for (const line of worldLines(event)) print(line)
    },
  })
  for (const line of summary(world)) print(line)
  await aborted(signal)
  print('stopping')
  await world.stop()
  print('stopped; data is kept')
}

function summary(world: World): readonly string[] {
  return [
    '',
    `${world.regions.length} regions are up. In another terminal:`,
    '  ./meridian status',
    '  ./meridian keyspace create demo --owner us-east',
    `Data: ${world.dataDir}   Ctrl-C stops everything.`,
  ]
}
