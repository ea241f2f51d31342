import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeridianError } from '@meridian/topology'
import { FAULT_KINDS } from './faults/fault-step.ts'
import type { FaultStep } from './faults/fault-step.ts'
import { brokenOf } from './outcome.ts'
import type { SimRun } from './run-seed.ts'
import { PROFILES } from './world/plan.ts'
import type { Profile } from './world/plan.ts'

const FORMAT = 1

/** All that a run follows from, and what came of it then. */
export interface SimFile {
  readonly format: number
  readonly seed: number
  readonly profile: string
  readonly faultyMs: number
  readonly mutant: string | undefined
  readonly faults: readonly FaultStep[]
  readonly traceHash: string
  readonly broken: readonly string[]
}

export async function saveRun(folder: string, run: SimRun, profile: Profile, mutant?: string): Promise<string> {
  const { seed, faults, traceHash } = run
  const { name, faultyMs } = profile
  const file: SimFile = {
    format: FORMAT,
    seed,
    profile: name,
    faultyMs,
    mutant,
    faults,
    traceHash,
    broken: brokenOf(run),
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, `sim-${name}-${seed}.json`)
  await writeFile(path, `${JSON.stringify(file, undefined, 2)}\n`)
  return path
}

/** @throws MeridianError CONFIG_INVALID when the file is no saved run */
export async function loadRun(path: string): Promise<SimFile> {
  const complain = (why: string): MeridianError => new MeridianError('CONFIG_INVALID', `${path}: ${why}`)
  const parsed: unknown = JSON.parse(await readFile(path, 'utf8'))
  const file = Object(parsed) as Partial<SimFile>
  if (file.format !== FORMAT) throw complain(`not a saved run of format ${FORMAT}`)
  if (!Number.isInteger(file.seed)) throw complain('no seed')
  if (profileNamed(file.profile ?? '') === undefined) throw complain(`no profile ${String(file.profile)}`)
  if (!Array.isArray(file.faults)) throw complain('no faults')
  const strange = file.faults.find(({ kind }) => !FAULT_KINDS.includes(kind))
  if (strange !== undefined) throw complain(`no fault is called ${String(strange.kind)}`)
  // Every field that a run follows from was looked at just above.
  return file as SimFile
}

export function profileNamed(name: string): Profile | undefined {
  return Object.values(PROFILES).find((profile) => profile.name === name)
}
