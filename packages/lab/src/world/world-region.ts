import { globalVoterName, regionMemberName } from '@meridian/deploy'
import type { EtcdPlace, RegionFolder, TopologyRegion } from '@meridian/deploy'

import { processName } from './world-processes.ts'
import type { WorldEtcd, WorldRegion } from './world.ts'

/** What a rendered region is to those who use it. @param egressUrl of the region, any scheme. */
export function worldRegion(region: TopologyRegion, folder: RegionFolder, egressUrl: string): WorldRegion {
  const { id, displayName, latitude, longitude } = region
  const etcd = ({ clientUrl, peerUrl }: EtcdPlace, name: string): WorldEtcd => ({
    processName: processName(id, name),
    clientUrl,
    peerUrl,
  })
  const config = folder.data?.config
  return {
    id,
    displayName,
    coordinates: { latitude, longitude },
    servers: config?.servers.map((server) => server.advertise) ?? [],
    nats: config?.nats.servers ?? [],
    hosts: config?.hosts ?? {},
    proxy: new URL(egressUrl).host,
    nodes:
      config?.nodes.map((node) => ({
        id: node.id,
        zone: node.zone,
        address: node.advertise,
        processName: processName(id, node.id),
      })) ?? [],
    globalEtcd: folder.globalVoter === undefined ? undefined : etcd(folder.globalVoter, globalVoterName(id)),
    regionEtcd: folder.members.map((member, i) => etcd(member, regionMemberName(id, i + 1))),
  }
}
