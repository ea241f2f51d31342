import type { CalibratedLink, CellLine, MachineFacts, RegionPlace, Results, RunHeader } from './report-input.ts'

type Fields = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value))

function record(value: unknown, what: string): Fields {
  if (!isRecord(value)) throw new Error(`${what} must be an object, got ${shown(value)}`)
  return value
}

function list(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name]
  if (!Array.isArray(value)) throw new Error(`${name} must be a list, got ${shown(value)}`)
  return value
}

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new Error(`${name} must be a text, got ${shown(value)}`)
  return value
}

function number(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new Error(`${name} must be a number, got ${shown(value)}`)
  }
  return value
}

const maybe = <T>(read: (fields: Fields, name: string) => T, fields: Fields, name: string): T | null =>
  fields[name] === null || fields[name] === undefined ? null : read(fields, name)

const region = (value: unknown): RegionPlace => {
  const fields = record(value, 'a region')
  return {
    id: text(fields, 'id'),
    displayName: text(fields, 'displayName'),
    latitude: maybe(number, fields, 'latitude'),
    longitude: maybe(number, fields, 'longitude'),
  }
}

const link = (value: unknown): CalibratedLink => {
  const fields = record(value, 'a calibrated link')
  return {
    source: text(fields, 'source'),
    target: text(fields, 'target'),
    nominalMs: number(fields, 'nominalMs'),
    measuredMs: number(fields, 'measuredMs'),
  }
}

const machine = (value: unknown): MachineFacts => {
  const fields = record(value, 'machine')
  return {
    cpu: text(fields, 'cpu'),
    cores: number(fields, 'cores'),
    memoryGb: number(fields, 'memoryGb'),
    kernel: text(fields, 'kernel'),
    node: text(fields, 'node'),
    etcd: text(fields, 'etcd'),
    fsyncP50Ms: number(fields, 'fsyncP50Ms'),
    fsyncP99Ms: number(fields, 'fsyncP99Ms'),
  }
}

const runHeader = (fields: Fields): RunHeader => ({
  kind: 'run',
  topology: text(fields, 'topology'),
  commit: text(fields, 'commit'),
  date: text(fields, 'date'),
  machine: machine(fields['machine']),
  parameters: record(fields['parameters'], 'parameters'),
  regions: list(fields, 'regions').map(region),
  calibration: list(fields, 'calibration').map(link),
})

/** The first line of a results file. Throws an Error that begins with the number of the line. */
export function parseRunHeader(line: string): RunHeader {
  try {
    const fields = record(JSON.parse(line), 'a line')
    if (fields['kind'] !== 'run') throw new Error('the first line must be the run')
    return runHeader(fields)
  } catch (cause) {
    throw new Error(`line 1: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

function cellLine(fields: Fields, regions: ReadonlySet<string>): CellLine {
  const place = (name: string): string => {
    const id = text(fields, name)
    if (!regions.has(id)) throw new Error(`${name} ${JSON.stringify(id)} is not a region of this run`)
    return id
  }
  return {
    topology: text(fields, 'topology'),
    operation: text(fields, 'operation'),
    leaderRegion: place('leaderRegion'),
    clientRegion: place('clientRegion'),
    floorMs: maybe(number, fields, 'floorMs'),
    // Older files do not say.
    floorReason: fields['floorReason'] === undefined ? '' : text(fields, 'floorReason'),
    directP50Ms: maybe(number, fields, 'directP50Ms'),
    proxiedP50Ms: maybe(number, fields, 'proxiedP50Ms'),
    rawP50Ms: maybe(number, fields, 'rawP50Ms'),
    rawP99Ms: maybe(number, fields, 'rawP99Ms'),
    oursP50Ms: maybe(number, fields, 'oursP50Ms'),
    oursP99Ms: maybe(number, fields, 'oursP99Ms'),
    taxRatio: maybe(number, fields, 'taxRatio'),
    count: number(fields, 'count'),
    largestGapMs: maybe(number, fields, 'largestGapMs'),
    rejected: maybe(text, fields, 'rejected'),
  }
}

/**
 * Reads a results file: JSON lines, the run first, then one cell per line; blank lines count but say nothing. Fields
 * nobody here knows are passed over. Throws an Error that begins with the number of the offending line.
 */
export function parseResults(jsonl: string): Results {
  let run: RunHeader | null = null
  let regions: ReadonlySet<string> = new Set()
  const lines: CellLine[] = []
  for (const [index, line] of jsonl.split('\n').entries()) {
    if (line.trim() === '') continue
    try {
      const fields = record(JSON.parse(line), 'a line')
      if (fields['kind'] === 'run') {
        if (run !== null) throw new Error('a second run begins; a file holds one')
        run = runHeader(fields)
        regions = new Set(run.regions.map((each) => each.id))
      } else if (run === null) {
        throw new Error('the first line must be the run')
      } else {
        lines.push(cellLine(fields, regions))
      }
    } catch (cause) {
      throw new Error(`line ${index + 1}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  if (run === null) throw new Error('line 1: the file is empty')
  return { run, lines }
}
