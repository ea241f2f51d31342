import { randomUUID } from 'node:crypto'
import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeridianError } from '@meridian/topology'
import { identityOf, isAlive } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'

const LOCK_FILE = 'lock'
/** Others may be taking over the same stale lock; each round one of them succeeds. */
const ATTEMPTS_MAX = 5

/** Holds a data folder for this process. Disposal lets go of it; a process that dies leaves a lock that is taken over. */
export interface WorldLock extends AsyncDisposable {
  readonly folder: string
  /**
   * The process whose stale lock was taken over: its children may still be ending. Undefined if there was none, or if
   * somebody else who tried at the same moment removed it.
   */
  readonly tookOverFrom: number | undefined
}

/**
 * Makes `folder` if need be, private to its user, and locks it.
 *
 * NOT promised: anything for folders shared between machines; the lock names a process of this one.
 *
 * @throws MeridianError WORLD_IN_USE naming the process that holds it.
 */
export async function lockWorld(folder: string): Promise<WorldLock> {
  await privateFolder(folder)
  const path = join(folder, LOCK_FILE)
  const mine = identityOf(process.pid)
  const content = `${JSON.stringify(mine)}\n`
  const draft = `${path}.${randomUUID()}.draft`
  let tookOverFrom: number | undefined
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await createWith(path, draft, content)) {
      return { folder, tookOverFrom, [Symbol.asyncDispose]: () => unlock(path, content) }
    }
    const text = await readLock(path)
    if (text === undefined) continue
    const holder = parseHolder(text)
    if (holder !== undefined && isAlive(holder)) {
      throw new MeridianError(
        'WORLD_IN_USE',
        `${folder} is in use by process ${holder.pid}; stop it, or use another folder`,
        {
          details: { folder, pid: String(holder.pid) },
        },
      )
    }
    tookOverFrom = holder?.pid
    await removeStale(path, text)
  }
  throw new MeridianError('WORLD_IN_USE', `${folder}: its lock changes hands faster than it can be taken`)
}

/** Makes the folder, or takes the group's and others' access away from it. */
export async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { mode } = await stat(folder)
  if ((mode & 0o077) !== 0) await chmod(folder, 0o700)
}

/** A link appears with its whole content or not at all: no reader ever sees a lock without a holder. */
async function createWith(path: string, draft: string, content: string): Promise<boolean> {
  await writeFile(draft, content, { mode: 0o600 })
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/**
 * Moves the lock aside before it is judged a second time: what somebody took since our look is put back, so that two
 * processes which both saw the stale lock cannot both end up with a new one.
 */
async function removeStale(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}.stale`
  try {
    await rename(path, aside)
    const moved = await readFile(aside, 'utf8')
    // Refused when somebody has a lock by now: then that one is the holder's word against ours, and we look again.
    if (moved !== text) await link(aside, path).catch(() => {})
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  } finally {
    await rm(aside, { force: true })
  }
}

async function unlock(path: string, content: string): Promise<void> {
  if ((await readLock(path)) === content) await rm(path, { force: true })
}

async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Undefined for what no version of this file wrote: nobody holds that. */
function parseHolder(text: string): ProcessIdentity | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number')
      return undefined
    const startTicks = 'startTicks' in value && typeof value.startTicks === 'string' ? value.startTicks : undefined
    return { pid: value.pid, startTicks }
  } catch {
    return undefined
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
