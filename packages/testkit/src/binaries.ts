import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export type ServerBinary = 'etcd' | 'etcdctl' | 'nats-server' | 'toxiproxy-server'

const VARIABLES: Record<ServerBinary, string> = {
  etcd: 'MERIDIAN_ETCD',
  etcdctl: 'MERIDIAN_ETCDCTL',
  'nats-server': 'MERIDIAN_NATS_SERVER',
  'toxiproxy-server': 'MERIDIAN_TOXIPROXY_SERVER',
}

/**
 * The path of a server binary: its environment variable, else the first of that name on PATH.
 * A variable that points at nothing is an error and not a reason to look on PATH: it would test another version silently.
 */
export function findBinary(name: ServerBinary): string {
  const variable = VARIABLES[name]
  const chosen = process.env[variable]
  if (chosen !== undefined && chosen !== '') {
    if (isExecutable(chosen)) return chosen
    throw new Error(`${variable}=${chosen} is not an executable file; run the tests through \`./meridian test\``)
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue
    const path = join(folder, name)
    if (isExecutable(path)) return path
  }
  throw new Error(
    `${name} not found: ${variable} is not set and PATH has none; run the tests through \`./meridian test\``,
  )
}

/** The environment of a server: ours without what would reconfigure it behind our back. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(ETCD|ETCDCTL)_/.test(name) && !/^(HTTP|HTTPS|ALL|NO)_PROXY$/i.test(name),
  )
  return Object.fromEntries(kept)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Missing and forbidden are the same answer here; the caller's error names the path.
    return false
  }
}
