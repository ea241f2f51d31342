import { globalVoterEnv, regionMemberEnv } from './render/etcd-env.ts'
import { countedFrom1 } from './render/layout.ts'
import { meridianYaml } from './render/meridian-yaml.ts'
import { directGatewayUrl, natsConf, NOWHERE, ownGateway } from './render/nats-conf.ts'
import type { Topology } from './topology.ts'

export const RENDERED_MARK = 'Rendered from regions/topology.yaml by `meridian region render`'

/** Names of the files of a region's folder. */
export const GLOBAL_ENV_FILE = 'etcd-global.env'
export const NATS_CONF_FILE = 'nats.conf'
export const MERIDIAN_YAML_FILE = 'meridian.yaml'
export const memberEnvFile = (member: number): string => `etcd-region-${member}.env`

export interface RenderOptions {
  /**
   * URL on which the nats-server of `source` dials the gateway of `target`; given, gateways advertise nothing else, so
   * that gossip leads nobody around it. Default: the target's address.
   */
  readonly gatewayUrl?: (source: string, target: string) => string
  /** When given, the etcd files name data folders under it; otherwise whoever starts etcd says where its data is. */
  readonly dataRoot?: string
}

/**
 * The files that deploy every region: path relative to `regions/` -> content. Nothing but the arguments decides a byte of
 * it. A witness has only the environment of its voter.
 */
export function render(topology: Topology, options: RenderOptions = {}): Map<string, string> {
  const files = new Map<string, string>()
  for (const region of topology.regions) {
    const header = `# ${RENDERED_MARK}; a change made here is lost.\n# Region ${region.id}: ${region.displayName}\n`
    const add = (file: string, content: string) => files.set(`${region.id}/${file}`, content)
    if (region.voter) add(GLOBAL_ENV_FILE, globalVoterEnv(header, topology, region, options.dataRoot))
    if (region.witness) continue
    for (const member of countedFrom1(region.etcdMembers)) {
      add(memberEnvFile(member), regionMemberEnv(header, topology, region, member, options.dataRoot))
    }
    add(
      NATS_CONF_FILE,
      natsConf(
        header,
        topology,
        region,
        (target) => options.gatewayUrl?.(region.id, target.id) ?? directGatewayUrl(topology, target),
        options.gatewayUrl === undefined ? ownGateway(topology, region) : NOWHERE,
      ),
    )
    add(MERIDIAN_YAML_FILE, meridianYaml(header, topology, region))
  }
  return files
}
