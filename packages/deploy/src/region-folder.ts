import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MeridianError } from '@meridian/topology'
import { parseEnvFile } from './env-file.ts'
import { splitHostPort } from './host.ts'
import type { PortUse } from './ports.ts'
import { loadProcessConfig } from './process-config.ts'
import type { ProcessConfig } from './process-config.ts'
import { GLOBAL_ENV_FILE, MERIDIAN_YAML_FILE, NATS_CONF_FILE } from './render.ts'
import { readConfig } from './topology-file.ts'

/** One etcd process as its environment file describes it. */
export interface EtcdPlace {
  readonly variables: Readonly<Record<string, string>>
  /** `http://host:port` on which it listens for clients. */
  readonly clientUrl: string
  readonly peerUrl: string
}

/** A rendered folder, read back: everything that says what one region runs. */
export interface RegionFolder {
  readonly path: string
  /** Undefined in a region without a voter of G. */
  readonly globalVoter: EtcdPlace | undefined
  readonly members: readonly EtcdPlace[]
  /** Undefined for a witness, which runs its voter of G and nothing else. */
  readonly data: { readonly config: ProcessConfig; readonly configPath: string; readonly nats: NatsPlace } | undefined
}

export interface NatsPlace {
  readonly confPath: string
  /** `host:port` of clients, then of the gateway. */
  readonly listens: readonly string[]
  /** `host:port` of the monitoring. */
  readonly monitor: string | undefined
}

const MEMBER_FILE = /^etcd-region-([1-9])\.env$/

/**
 * @throws MeridianError CONFIG_INVALID when a file is malformed or missing; REGION_UNKNOWN when there is no such folder.
 */
export async function loadRegionFolder(path: string): Promise<RegionFolder> {
  const files = await filesOf(path)
  const memberFiles = files.filter((file) => MEMBER_FILE.test(file)).sort()
  const globalVoter = files.includes(GLOBAL_ENV_FILE) ? await etcdPlace(join(path, GLOBAL_ENV_FILE)) : undefined
  const members = await Promise.all(memberFiles.map((file) => etcdPlace(join(path, file))))
  if (!files.includes(MERIDIAN_YAML_FILE) && globalVoter !== undefined && members.length === 0) {
    return { path, globalVoter, members, data: undefined }
  }
  const configPath = join(path, MERIDIAN_YAML_FILE)
  const config = await loadProcessConfig(configPath)
  if (members.length === 0) throw invalid(`${path}: no etcd-region-1.env beside ${MERIDIAN_YAML_FILE}`)
  return { path, globalVoter, members, data: { config, configPath, nats: await natsPlace(join(path, NATS_CONF_FILE)) } }
}

/** Every listener of the region, for the check before anything is started. */
export function folderPortUses({ globalVoter, members, data }: RegionFolder): PortUse[] {
  const use = (address: string, what: string): PortUse => ({ ...splitHostPort(address), what })
  const etcd = (place: EtcdPlace, tier: string): PortUse[] => [
    use(place.clientUrl.slice('http://'.length), `${tier} etcd ${place.variables['ETCD_NAME']}, clients`),
    use(place.peerUrl.slice('http://'.length), `${tier} etcd ${place.variables['ETCD_NAME']}, peers`),
  ]
  return [
    ...(globalVoter === undefined ? [] : etcd(globalVoter, 'global')),
    ...members.flatMap((member) => etcd(member, 'regional')),
    ...(data?.nats.listens ?? []).map((listen, i) => use(listen, `NATS, ${i === 0 ? 'clients' : 'gateway'}`)),
    ...(data?.nats.monitor === undefined ? [] : [use(data.nats.monitor, 'NATS, monitoring')]),
    ...(data?.config.servers ?? []).flatMap((server) => [
      use(server.listen, `server ${server.id}`),
      ...(server.metrics === undefined ? [] : [use(server.metrics, `server ${server.id}, metrics`)]),
    ]),
    ...(data?.config.nodes ?? []).map((node) => use(node.listen, `node ${node.id}`)),
  ]
}

async function etcdPlace(path: string): Promise<EtcdPlace> {
  const { variables, faultyLines } = parseEnvFile(await readConfig(path))
  if (faultyLines.length > 0) throw invalid(faultyLines.map((line) => `${path}:${line}:1 no NAME=value`).join('\n'))
  const url = (name: string): string => {
    const value = variables[name]
    if (value !== undefined && /^http:\/\/[^,/]+:[0-9]+$/.test(value)) return value
    throw invalid(`${path}: ${name} is ${JSON.stringify(value ?? null)}, not one http://host:port`)
  }
  return { variables, clientUrl: url('ETCD_LISTEN_CLIENT_URLS'), peerUrl: url('ETCD_LISTEN_PEER_URLS') }
}

/** Reads the addresses as we write them; NATS itself reads the rest. */
async function natsPlace(confPath: string): Promise<NatsPlace> {
  const text = await readConfig(confPath)
  const values = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^\\s*${key}:\\s*"([^"]+:[0-9]+)"\\s*$`, 'gm'))].map((match) => match[1] ?? '')
  const listens = values('listen')
  if (listens.length === 0) throw invalid(`${confPath}: no line  listen: "host:port"`)
  return { confPath, listens, monitor: values('http')[0] }
}

async function filesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    throw new MeridianError('REGION_UNKNOWN', `no region folder ${path}; \`meridian region render\` writes them`, {
      cause: error,
    })
  }
}

const invalid = (message: string): MeridianError => new MeridianError('CONFIG_INVALID', message)
