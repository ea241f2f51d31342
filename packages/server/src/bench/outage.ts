import { randomBytes } from 'node:crypto'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { runFailover, runRegionLoss, runTransfer } from '@meridian/bench'
import type { OutageOptions } from '@meridian/bench'
import { takeoverWaitMs } from '@meridian/deploy'
import { systemClock } from '@meridian/loop'
import { HOME } from '../paths.ts'
import { wholeNumber, worldDefaults } from '../world.ts'
import { worldLines } from '../world-report.ts'
import { writeResults } from './results.ts'
import { RESULTS_DIR } from './world-options.ts'

export interface OutageBenchOptions {
  readonly json?: boolean
  readonly data?: string
  readonly out?: string
  readonly basePort?: string
  readonly writes?: string
  readonly kills?: string
  readonly nodeLease?: string
  readonly transfers?: string
  readonly ranges?: string
  readonly withLeader?: boolean
}

/** Beside the ports of `up`, `demo` and the latency tax, and below those that systems give out by themselves. */
const BASE_PORT = 21_000

function common(options: OutageBenchOptions, signal: AbortSignal): OutageOptions {
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const { topologyFile, matrixFile, binaries, isReady, dataDir } = worldDefaults(
    options.data ?? join(HOME, '.meridian/bench-outage'),
  )
  if (isReady === undefined) throw new Error('assertion: worlds have a readiness')
  return {
    topologyFile,
    matrixFile,
    binaries,
    isReady,
    dataDir,
    basePort: options.basePort === undefined ? BASE_PORT : wholeNumber('--base-port', options.basePort, 1024, 60_000),
    clock: systemClock,
    random: Math.random,
    signal,
    run: randomBytes(4).toString('hex'),
    progress: say,
    onWorld: (event) => {
      // Kills are what is measured here.
      if (event.kind === 'process') return
      for (const line of worldLines(event)) say(line)
    },
  }
}

const number = (name: string, text: string | undefined, standard: number, max: number): number =>
  text === undefined ? standard : wholeNumber(name, text, 1, max)

/** `meridian bench failover`. @returns the exit code */
export async function benchFailover(options: OutageBenchOptions, signal: AbortSignal): Promise<number> {
  const nodeLeaseMs = number('--node-lease', options.nodeLease, 6000, 60_000)
  const { lines, result } = await runFailover({
    ...common(options, signal),
    kills: number('--kills', options.kills, 30, 1000),
    writesPerS: number('--writes', options.writes, 200, 2000),
    nodeLeaseMs,
    nodeWaitMs: takeoverWaitMs(nodeLeaseMs),
  })
  return publish(options, `failover-${nodeLeaseMs}`, [...lines, result], result)
}

/** `meridian bench transfer`. @returns the exit code */
export async function benchTransfer(options: OutageBenchOptions, signal: AbortSignal): Promise<number> {
  const { lines, result } = await runTransfer({
    ...common(options, signal),
    transfers: number('--transfers', options.transfers, 20, 1000),
    writesPerS: number('--writes', options.writes, 200, 2000),
  })
  return publish(options, 'transfer', [...lines, result], result)
}

/** `meridian bench region-loss`. @returns the exit code */
export async function benchRegionLoss(options: OutageBenchOptions, signal: AbortSignal): Promise<number> {
  const ranges = number('--ranges', options.ranges, 4000, 20_000)
  const withLeader = options.withLeader ?? false
  const result = await runRegionLoss({
    ...common(options, signal),
    ranges,
    withLeader,
    writesPerS: number('--writes', options.writes, 100, 2000),
  })
  return publish(options, `region-loss-${ranges}${withLeader ? '-leader' : ''}`, [result], result)
}

async function publish(
  { json, out }: OutageBenchOptions,
  name: string,
  lines: readonly object[],
  result: object,
): Promise<number> {
  const run = {
    bench: 'run',
    date: new Date().toISOString(),
    node: process.version,
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? '',
  }
  const text = [run, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
  const written = await writeResults(out ?? RESULTS_DIR, new Map([[`${name}.jsonl`, text]]))
  if (json === true) process.stdout.write(text)
  else {
    for (const [key, value] of Object.entries(result)) process.stdout.write(`${key.padEnd(14)} ${shown(value)}\n`)
    for (const file of written) process.stdout.write(`Written: ${relative(process.cwd(), file)}\n`)
  }
  return 0
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, each]) => `${key} ${String(each)}`)
    .join(', ')
}
