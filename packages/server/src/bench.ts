import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, extname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import {
  allMet,
  goalsOf,
  renderMatrixSvg,
  renderReport,
  resultsText,
  runLatencyTax,
  summaryLines,
} from '@meridian/bench'
import type { LatencyTaxRun, OwnershipClient, RegionPlace } from '@meridian/bench'
import { Control, RegionCalls } from '@meridian/client'
import { Supervisor } from '@meridian/deploy'
import { loadWanMatrix, WanMatrix } from '@meridian/lab'
import type { WorldRegion } from '@meridian/lab'
import { systemClock } from '@meridian/loop'
import { ChannelPool } from '@meridian/rpc'
import { parseMatrix } from '@meridian/tax'
import { EMPTY_KEY, keyOfText, keyspaceName, MeridianError, operationId, regionId } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import { regionBinaries, toxiproxyBinary } from './binaries.ts'
import { HOME } from './paths.ts'
import { regionServes, wholeNumber } from './world.ts'
import { worldLines } from './world-report.ts'

export interface BenchOptions {
  readonly json?: boolean
  readonly data?: string
  readonly topology: string
  readonly matrix?: string
  readonly samples?: string
  readonly rate: string
  readonly quick?: boolean
  readonly out?: string
  readonly strict?: boolean
  readonly basePort?: string
}

const REGIONS_MAX = 5
const SAMPLES = { full: 100, quick: 30, max: 10_000 }
const CALIBRATION_SAMPLES = { full: 15, quick: 9 }
const RATE_MAX = 1000
/** Beside the ports of `up` and `demo`, so that a benchmark can at least be started while one of them runs. */
const BASE_PORT = 28_000
/** Exit code of `--strict` when a goal is not met or could not be judged. */
const GOAL_NOT_MET = 6

/** `meridian bench latency-tax`. @returns the exit code */
export async function benchLatencyTax(options: BenchOptions, signal: AbortSignal): Promise<number> {
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const { topology, matrix, places } = await distances(options)
  const quick = options.quick ?? false
  const which = quick ? 'quick' : 'full'
  const samples =
    options.samples === undefined ? SAMPLES[which] : wholeNumber('--samples', options.samples, 1, SAMPLES.max)
  const measuring = runLatencyTax({
    topology,
    matrix,
    places,
    samples,
    ratePerS: wholeNumber('--rate', options.rate, 1, RATE_MAX),
    calibrationSamples: CALIBRATION_SAMPLES[which],
    basePort: options.basePort === undefined ? BASE_PORT : wholeNumber('--base-port', options.basePort, 1024, 60_000),
    dataDir: options.data ?? join(HOME, '.meridian/bench'),
    binaries: { ...regionBinaries(), toxiproxy: toxiproxyBinary() },
    openClient: (region, regions) => new RegionClient(region, regions),
    // No node runs in this world.
    isReady: (region) => regionServes(region, 0),
    openHost: () => new Supervisor(),
    commit: await checkout(),
    date: new Date().toISOString(),
    clock: systemClock,
    random: Math.random,
    signal,
    progress: say,
    onWorld: (event) => {
      for (const line of worldLines(event)) say(line)
    },
  })
  // Whatever an interruption broke off is no failure of its own.
  const result = await measuring.catch((error: unknown) => {
    signal.throwIfAborted()
    throw error
  })
  const written = await writeResults(options.out ?? join(HOME, 'bench/results'), topology, result)
  const { run, lines } = result
  const goals = goalsOf(lines)
  if (options.json === true) process.stdout.write(`${JSON.stringify({ run, lines, goals, written })}\n`)
  else {
    const shown = written.map((file) => relative(process.cwd(), file))
    process.stdout.write(`${[...summaryLines(run, lines), '', `Written: ${shown.join(', ')}`].join('\n')}\n`)
  }
  return options.strict === true && !allMet(goals) ? GOAL_NOT_MET : 0
}

interface Distances {
  readonly topology: string
  readonly matrix: WanMatrix
  readonly places: readonly RegionPlace[]
}

/** @throws MeridianError INVALID_ARGUMENT, CONFIG_INVALID with line numbers */
async function distances({ topology, matrix: file }: BenchOptions): Promise<Distances> {
  if (file !== undefined) {
    const own = extname(file) === '.csv' ? await csvDistances(file) : located(await loadWanMatrix(file))
    return named(basename(file, extname(file)), own)
  }
  const [, name, count] = /^([a-z][a-z0-9-]*)-([0-9]+)$/.exec(topology) ?? []
  if (name === undefined || count === undefined) {
    throw new MeridianError('INVALID_ARGUMENT', `--topology is like aws-3, not ${JSON.stringify(topology)}`)
  }
  const matrix = await loadWanMatrix(join(HOME, `regions/wan/${name}.yaml`))
  return named(name, located(matrix.first(Number(count))))
}

function named(name: string, distance: Omit<Distances, 'topology'>): Distances {
  const count = distance.matrix.regionIds.length
  if (count < 3 || count > REGIONS_MAX) {
    throw new MeridianError('INVALID_ARGUMENT', `3 to ${REGIONS_MAX} regions can be measured, not ${count}`)
  }
  const safe = name.toLowerCase().replace(/[^a-z0-9-]+/g, '-')
  return { ...distance, topology: `${safe}-${count}` }
}

const located = (matrix: WanMatrix): Omit<Distances, 'topology'> => ({
  matrix,
  places: matrix.regions.map(({ id, displayName, latitude, longitude }) => ({ id, displayName, latitude, longitude })),
})

/** Round trips only: the world wants coordinates and gets those of nowhere, the results say that there are none. */
async function csvDistances(file: string): Promise<Omit<Distances, 'topology'>> {
  const { regions: ids, rttMs } = parseMatrix(await readFile(file, 'utf8'), file)
  const rtts = ids.flatMap((a) => ids.filter((b) => a < b).map((b) => [`${a} ${b}`, rttMs(a, b)] as const))
  const regions = ids.map((id) => ({ id, displayName: id, provider: id, latitude: 0, longitude: 0 }))
  return {
    matrix: new WanMatrix('own', regions, new Map(rtts)),
    places: ids.map((id) => ({ id, displayName: id, latitude: null, longitude: null })),
  }
}

const KEYSPACE = keyspaceName('bench')
/** More than assignments can be under way at once, so that they do not refuse each other. */
const RANGES = 64
const SPLIT_MAX = 32
const startOf = (index: number): Key => (index === 0 ? EMPTY_KEY : keyOfText(`r${String(index).padStart(3, '0')}`))

/** The API of one region, as a client there has it. */
class RegionClient implements OwnershipClient {
  static #turn = 0
  readonly #pool: ChannelPool
  readonly #control: Control
  readonly #regions: readonly string[]
  readonly #run = randomBytes(4).toString('hex')
  #operations = 0

  constructor(region: WorldRegion, regions: readonly WorldRegion[]) {
    this.#pool = new ChannelPool({ hosts: region.hosts, proxy: region.proxy })
    this.#regions = regions.map(({ id }) => id)
    this.#control = new Control(
      new RegionCalls(
        this.#pool,
        () => region.servers,
        (id) => regions.find((each) => each.id === id)?.servers ?? [],
      ),
    )
  }

  async prepare(signal: AbortSignal): Promise<void> {
    const [first] = this.#regions
    if (first === undefined) throw new Error('assertion: a world without regions')
    await this.#control.createKeyspace(this.#operation(), KEYSPACE, regionId(first), [], { signal })
    for (let from = 1; from < RANGES; from += SPLIT_MAX) {
      const count = Math.min(SPLIT_MAX, RANGES - from)
      const at = Array.from({ length: count }, (_, i) => startOf(from + i))
      await this.#control.split(this.#operation(), KEYSPACE, at, [], { signal })
    }
  }

  async assign(signal: AbortSignal): Promise<void> {
    // The turn is everybody's: to give a range to whom it belongs already would commit nothing.
    const turn = RegionClient.#turn
    RegionClient.#turn += 1
    const owner = this.#regions[(1 + Math.floor(turn / RANGES)) % this.#regions.length]
    if (owner === undefined) throw new Error('assertion: a world without regions')
    const assignment = { start: startOf(turn % RANGES), owner: regionId(owner), standbys: [] }
    await this.#control.assign(this.#operation(), KEYSPACE, [assignment], [], { signal })
  }

  async pinLeader(region: string, signal: AbortSignal): Promise<void> {
    await this.#control.preferLeader(regionId(region), { signal })
  }

  async lookup(local: boolean, signal: AbortSignal): Promise<void> {
    await this.#control.lookup(KEYSPACE, EMPTY_KEY, local, { signal })
  }

  #operation() {
    this.#operations += 1
    return operationId(`bench-${this.#run}-${this.#operations}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]()
  }
}

/** The commit that is measured; changes beside results that are not committed are told. */
async function checkout(): Promise<string> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', ['-C', HOME, ...args])).stdout.trim()
  try {
    const changed = await git('status', '--porcelain', '--', '.', ':!bench/results')
    return `${await git('rev-parse', 'HEAD')}${changed === '' ? '' : '-dirty'}`
  } catch {
    // An archive without history is measured all the same.
    return 'unknown'
  }
}

/** @returns the files written; each is there whole or not at all */
async function writeResults(dir: string, topology: string, { run, lines }: LatencyTaxRun): Promise<readonly string[]> {
  await mkdir(dir, { recursive: true })
  const write = async (kind: string, text: string): Promise<string> => {
    const file = join(dir, `latency-tax-${topology}.${kind}`)
    await writeFile(`${file}.draft`, text)
    await rename(`${file}.draft`, file)
    return file
  }
  return [
    await write('jsonl', resultsText(run, lines)),
    await write('html', renderReport(run, lines)),
    await write('svg', renderMatrixSvg(run, lines)),
  ]
}
