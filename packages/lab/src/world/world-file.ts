import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { WorldRegion } from './world.ts'

/** Where other programs of the same user read how to reach a running world; there only while it runs. */
export const WORLD_FILE = 'world.json'

/** The content of the file, version 1: what a client on this machine needs to dial every region, and no more. */
export function worldFileContent(pid: number, regions: readonly WorldRegion[]): object {
  return {
    version: 1,
    pid,
    regions: regions.map(({ id, displayName, servers, nats, hosts, proxy, nodes }) => ({
      id,
      displayName,
      servers,
      nats,
      hosts,
      proxy,
      nodes: nodes.map((node) => ({ id: node.id, zone: node.zone, address: node.address })),
    })),
  }
}

/** Appears with its whole content or not at all, for its user only; disposal removes it. */
export async function writeWorldFile(dataDir: string, regions: readonly WorldRegion[]): Promise<AsyncDisposable> {
  const path = join(dataDir, WORLD_FILE)
  const partial = `${path}.${process.pid}.tmp`
  await writeFile(partial, `${JSON.stringify(worldFileContent(process.pid, regions), undefined, 2)}\n`, { mode: 0o600 })
  await rename(partial, path)
  return { [Symbol.asyncDispose]: () => removeWorldFile(dataDir) }
}

/** Idempotent. */
export function removeWorldFile(dataDir: string): Promise<void> {
  return rm(join(dataDir, WORLD_FILE), { force: true })
}
