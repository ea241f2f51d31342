import { join } from 'node:path'
import { dialHost, splitHostPort } from './host.ts'
import { etcdHealthy, tcpOpen } from './probes.ts'
import type { ProcessSpec } from './process-spec.ts'
import type { EtcdPlace, RegionFolder } from './region-folder.ts'
import { globalVoterName, natsName, regionMemberName } from './render/layout.ts'

/** Paths of what a region runs: the two servers, Node, and the program that has the commands `server` and `node`. */
export interface RegionBinaries {
  readonly etcd: string
  readonly natsServer: string
  readonly node: string
  readonly main: string
}

export interface RegionProcessesOptions {
  readonly folder: RegionFolder
  /** Existing, private folder of the region: every process gets a folder of its name in it, and `logs/<name>.log`. */
  readonly dataDir: string
  readonly binaries: RegionBinaries
  /** Added to the environment of every process; how the lab leads what leaves a region over its links. */
  readonly extraEnv?: Readonly<Record<string, string>>
  /** Environment to start from, without what would reconfigure the servers. Default: that of this process. */
  readonly baseEnv?: NodeJS.ProcessEnv
}

/** etcd hands its leadership over before it ends, which over a wide area takes round trips. */
const ETCD_STOP_TIMEOUT_MS = 8_000
/** A server drains, a node closes its storage. */
const DRAIN_TIMEOUT_MS = 10_000

export const logFolder = (dataDir: string): string => join(dataDir, 'logs')

/**
 * What one region runs, in start order: its voter of G, the members of E, NATS, servers, nodes. Processes of one kind share
 * a stage.
 *
 * The voter of G counts as ready when its port is open: alone it has no leader, and regions come up minutes apart.
 */
export function regionProcesses(options: RegionProcessesOptions): ProcessSpec[] {
  const { folder, binaries } = options
  const region = regionIdOf(folder)
  const process = processIn(options)
  const specs: ProcessSpec[] = []
  if (folder.globalVoter !== undefined) {
    const listen = folder.globalVoter.clientUrl.slice('http://'.length)
    specs.push(etcdProcess(process, globalVoterName(region), binaries.etcd, folder.globalVoter, () => portOpen(listen)))
  }
  folder.members.forEach((member, i) => {
    const spec = etcdProcess(process, regionMemberName(region, i + 1), binaries.etcd, member, () =>
      etcdHealthy(member.clientUrl),
    )
    specs.push({ ...spec, stage: `${region} etcd` })
  })
  if (folder.data === undefined) return specs
  const { config, configPath, nats } = folder.data
  specs.push(
    process(natsName(region), binaries.natsServer, ['--config', nats.confPath], {
      ready: () => portOpen(nats.listens[0] ?? ''),
    }),
  )
  const ours = (kind: 'server' | 'node') => (place: { readonly id: string; readonly listen: string }) => {
    const args = [
      binaries.main,
      kind,
      '--config',
      configPath,
      '--id',
      place.id,
      '--data',
      join(options.dataDir, place.id),
    ]
    return process(place.id, binaries.node, args, {
      stage: `${region} ${kind}s`,
      ready: () => portOpen(place.listen),
      stopTimeoutMs: DRAIN_TIMEOUT_MS,
    })
  }
  return [...specs, ...config.servers.map(ours('server')), ...config.nodes.map(ours('node'))]
}

type ProcessRest = Pick<ProcessSpec, 'ready'> & Partial<ProcessSpec>

function processIn({ dataDir, extraEnv = {}, baseEnv = globalThis.process.env }: RegionProcessesOptions) {
  const env = { ...inherited(baseEnv), ...extraEnv }
  return (name: string, command: string, args: readonly string[], rest: ProcessRest): ProcessSpec => ({
    name,
    command,
    args,
    cwd: dataDir,
    logFile: join(logFolder(dataDir), `${name}.log`),
    ...rest,
    env: { ...env, ...rest.env },
  })
}

function etcdProcess(
  process: ReturnType<typeof processIn>,
  name: string,
  command: string,
  place: EtcdPlace,
  ready: () => Promise<boolean>,
): ProcessSpec {
  const spec = process(name, command, [], { ready, stopTimeoutMs: ETCD_STOP_TIMEOUT_MS })
  return { ...spec, env: { ...spec.env, ...place.variables, ETCD_DATA_DIR: join(spec.cwd, name) } }
}

const regionIdOf = ({ data, globalVoter, path }: RegionFolder): string => {
  const id = data?.config.region ?? globalVoter?.variables['ETCD_NAME']
  if (id === undefined) throw new Error(`assertion: ${path} names no region`)
  return id
}

/** Ours without what would reconfigure a server behind its files or lead it around the network. */
function inherited(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || /^(ETCD|ETCDCTL)_/.test(name) || /^(HTTP|HTTPS|ALL|NO|GRPC|NO_GRPC)_PROXY$/i.test(name)
      ? []
      : [[name, value] as const],
  )
  return Object.fromEntries(kept)
}

function portOpen(listen: string): Promise<boolean> {
  const { host, port } = splitHostPort(listen)
  return tcpOpen(dialHost(host), port)
}
