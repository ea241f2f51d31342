import { runDemo } from '@meridian/chaos'
import { startWorld } from '@meridian/lab'
import { DEMO_DATA } from './paths.ts'
import { wholeNumber, worldDefaults } from './world.ts'

const PLACES_MAX = 1_000_000

export interface DemoOptions {
  readonly json?: boolean
  readonly data?: string
  readonly act?: string[]
  readonly places?: string
  readonly basePort?: string
}

/** `meridian demo`. @returns the exit code: 0 when every verdict is valid */
export function demo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const dataDir = options.data ?? DEMO_DATA
  return runDemo({
    json: options.json ?? false,
    ...(options.act === undefined ? {} : { acts: options.act }),
    ...(options.places === undefined ? {} : { places: wholeNumber('--places', options.places, 1000, PLACES_MAX) }),
    out: process.stdout,
    err: process.stderr,
    isTty: process.stdout.isTTY,
    signal,
    dataDir,
    startWorld: (progress) =>
      startWorld({
        ...worldDefaults(dataDir),
        regions: 3,
        etcdMembers: 1,
        ...(options.basePort === undefined
          ? {}
          : { basePort: wholeNumber('--base-port', options.basePort, 1024, 60_000) }),
        // A demo tells a story from the beginning; what an earlier one wrote would spoil its counts.
        fresh: true,
        nodeRestart: 'leave-dead',
        signal,
        progress,
      }),
  })
}
