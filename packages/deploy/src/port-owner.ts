import { readdir, readFile, readlink } from 'node:fs/promises'
import { visibleText } from './visible-text.ts'

const LISTENING = '0A'

/**
 * Which process listens on each of `ports`: `pid 4711 (etcd)`. Ports whose owner the system does not show (no /proc, or a
 * process of another user) are absent.
 */
export async function portOwners(ports: ReadonlySet<number>): Promise<Map<number, string>> {
  const portOfInode = new Map<string, number>()
  for (const table of ['tcp', 'tcp6']) {
    for (const line of (await textOf(`/proc/net/${table}`)).split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      const port = Number.parseInt(local?.split(':')[1] ?? '', 16)
      if (state === LISTENING && inode !== undefined && ports.has(port)) portOfInode.set(inode, port)
    }
  }
  const owners = new Map<number, string>()
  if (portOfInode.size === 0) return owners
  for (const pid of (await entriesOf('/proc')).filter((name) => /^[0-9]+$/.test(name))) {
    for (const fd of await entriesOf(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[([0-9]+)\]$/.exec(await linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
      const port = inode === undefined ? undefined : portOfInode.get(inode)
      if (port === undefined || owners.has(port)) continue
      owners.set(port, `pid ${pid} (${visibleText((await textOf(`/proc/${pid}/comm`)).trim())})`)
    }
  }
  return owners
}

// Processes end and belong to others while we look: what cannot be read explains nothing, and is no error here.
const textOf = (path: string): Promise<string> => readFile(path, 'latin1').catch(() => '')
const linkOf = (path: string): Promise<string> => readlink(path).catch(() => '')
const entriesOf = (path: string): Promise<string[]> => readdir(path).catch(() => [])
