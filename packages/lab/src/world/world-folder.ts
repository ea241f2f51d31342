import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Topology } from '@meridian/deploy'
import { MeridianError } from '@meridian/topology'
import { z } from 'zod'

/** Says that a folder is a world's and may be emptied, and what the data in it was made for. */
export const MARKER_FILE = 'meridian-world.json'

const markerSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  basePort: z.int(),
  regions: z.array(z.string()),
  etcdMembers: z.int(),
})

type Marker = z.infer<typeof markerSchema>

/** Paths inside the data folder of a world. */
export const worldPaths = (dataDir: string) => ({
  marker: join(dataDir, MARKER_FILE),
  /** The rendered folders of all regions. */
  regions: join(dataDir, 'regions'),
  /** Configuration and logs of the lab. */
  wan: join(dataDir, 'wan'),
  /** Data and logs of the processes of one region. */
  state: (region: string) => join(dataDir, 'state', region),
})

/** Left by a start that was killed between its lock and its marker; nobody's data. */
const LOCK_FILES = /^lock(\.|$)/

/**
 * Before the folder is locked, which writes into it: whether it is ours to use at all.
 *
 * @throws MeridianError INVALID_ARGUMENT when there is something in it and no marker of ours: whoever types the wrong
 * folder loses nothing.
 */
export async function refuseForeignFolder(dataDir: string): Promise<void> {
  const entries = (await entriesOf(dataDir)).filter((name) => !LOCK_FILES.test(name))
  if (entries.length === 0 || entries.includes(MARKER_FILE)) return
  throw new MeridianError(
    'INVALID_ARGUMENT',
    `${dataDir} is not empty and holds no world of Meridian (no ${MARKER_FILE}); choose another data folder`,
    { details: { folder: dataDir } },
  )
}

/**
 * Makes the locked folder ready for `world`: empties it if `fresh`, else refuses data of a world of another shape, whose
 * etcd members would not find each other any more.
 *
 * @throws MeridianError CONFIG_INVALID naming both shapes.
 */
export async function prepareFolder(dataDir: string, world: Topology, fresh: boolean): Promise<'new' | 'kept'> {
  const { marker: path } = worldPaths(dataDir)
  const wanted = markerOf(world)
  const found = await readMarker(path)
  if (found === undefined || fresh) {
    // The marker goes last, and comes first: a folder emptied by half is still ours to empty.
    for (const name of await entriesOf(dataDir)) {
      if (name !== MARKER_FILE && !LOCK_FILES.test(name)) await rm(join(dataDir, name), { recursive: true })
    }
    await writeFile(path, `${JSON.stringify(wanted)}\n`, { mode: 0o600 })
    return 'new'
  }
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new MeridianError(
      'CONFIG_INVALID',
      `${dataDir} holds the data of ${inWords(found)}, not of ${inWords(wanted)}; start it fresh, or use another folder`,
      { details: { folder: dataDir } },
    )
  }
  return 'kept'
}

function markerOf({ name, basePort, regions }: Topology): Marker {
  return {
    version: 1,
    name,
    basePort,
    regions: regions.map((region) => region.id),
    etcdMembers: regions[0]?.etcdMembers ?? 1,
  }
}

const inWords = (marker: Marker): string =>
  `a world "${marker.name}" of ${marker.regions.join(', ')} with ${marker.etcdMembers} etcd member(s) per region from port ${marker.basePort}`

/** Undefined when there is none; `refuseForeignFolder` has seen to it that the folder is empty then. */
async function readMarker(path: string): Promise<Marker | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const parsed = markerSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  // Ours by its name, written by half or by another version: kept data cannot be trusted, a fresh start can.
  return { version: 1, name: 'unreadable', basePort: 0, regions: [], etcdMembers: 0 }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The schema refuses it.
    return undefined
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') {
      throw new MeridianError('INVALID_ARGUMENT', `${folder} is a file, not a folder`, { cause: error })
    }
    throw error
  }
}
