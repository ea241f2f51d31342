import { formatEnvFile } from '../env-file.ts'
import { hostPort } from '../host.ts'
import type { EtcdTier, Topology, TopologyRegion } from '../topology.ts'
import { countedFrom1, globalVoterName, LOOPBACK, ownHost, portsOf, regionMemberName } from './layout.ts'

interface Member {
  readonly name: string
  readonly listenClient: string
  readonly advertiseClient: string
  readonly listenPeer: string
  readonly advertisePeer: string
  /** `name=peerUrl` of every member, in one order for all: etcd hashes it into the cluster id. */
  readonly cluster: string
  readonly token: string
  readonly tier: EtcdTier
  readonly dataDir: string | undefined
}

const http = (host: string, port: number): string => `http://${hostPort(host, port)}`

/** The environment of a region's voter of G. */
export function globalVoterEnv(header: string, topology: Topology, region: TopologyRegion, dataRoot?: string): string {
  const ports = portsOf(topology, region)
  const voters = topology.regions.filter((each) => each.voter)
  return etcdEnv(
    header,
    {
      name: region.id,
      listenClient: http(region.listen, ports.globalClient),
      advertiseClient: http(region.address, ports.globalClient),
      listenPeer: http(region.listen, ports.globalPeer),
      advertisePeer: http(region.address, ports.globalPeer),
      cluster: voters
        .map((voter) => `${voter.id}=${http(voter.address, portsOf(topology, voter).globalPeer)}`)
        .join(','),
      token: `${topology.name}-global`,
      tier: topology.etcd.global,
      dataDir: dataRoot === undefined ? undefined : `${dataRoot}/${globalVoterName(region.id)}`,
    },
    {
      // Over a wide area a proposal waits for round trips by design; etcd's defaults would warn of every one.
      ETCD_WARNING_APPLY_DURATION: '1s',
      ETCD_WARNING_UNARY_REQUEST_DURATION: '2s',
    },
  )
}

/** The environment of one member of E. */
export function regionMemberEnv(
  header: string,
  topology: Topology,
  region: TopologyRegion,
  member: number,
  dataRoot?: string,
): string {
  const ports = portsOf(topology, region)
  const client = http(LOOPBACK, ports.memberClient(member))
  const peer = http(LOOPBACK, ports.memberPeer(member))
  return etcdEnv(header, {
    name: regionMemberName(region.id, member),
    listenClient: client,
    advertiseClient: client,
    listenPeer: peer,
    advertisePeer: peer,
    cluster: countedFrom1(region.etcdMembers)
      .map((each) => `${regionMemberName(region.id, each)}=${http(LOOPBACK, ports.memberPeer(each))}`)
      .join(','),
    token: `${topology.name}-${region.id}`,
    tier: topology.etcd.regional,
    dataDir: dataRoot === undefined ? undefined : `${dataRoot}/${regionMemberName(region.id, member)}`,
  })
}

/** Client URL of the region's own voter, for processes of the region. */
export const ownVoterUrl = (topology: Topology, region: TopologyRegion): string =>
  http(ownHost(region), portsOf(topology, region).globalClient)

/** Client URL of a region's voter, for processes of other regions. */
export const voterUrl = (topology: Topology, region: TopologyRegion): string =>
  http(region.address, portsOf(topology, region).globalClient)

export const memberUrls = (topology: Topology, region: TopologyRegion): string[] =>
  countedFrom1(region.etcdMembers).map((member) => http(LOOPBACK, portsOf(topology, region).memberClient(member)))

// Only variables that 3.6 and 3.7 both know. Pre-vote is on by default in both.
function etcdEnv(header: string, member: Member, extra: Readonly<Record<string, string>> = {}): string {
  return formatEnvFile(header, {
    ETCD_NAME: member.name,
    ...(member.dataDir === undefined ? {} : { ETCD_DATA_DIR: member.dataDir }),
    ETCD_LISTEN_CLIENT_URLS: member.listenClient,
    ETCD_ADVERTISE_CLIENT_URLS: member.advertiseClient,
    ETCD_LISTEN_PEER_URLS: member.listenPeer,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: member.advertisePeer,
    ETCD_INITIAL_CLUSTER: member.cluster,
    ETCD_INITIAL_CLUSTER_STATE: 'new',
    ETCD_INITIAL_CLUSTER_TOKEN: member.token,
    ETCD_HEARTBEAT_INTERVAL: String(member.tier.heartbeatMs),
    ETCD_ELECTION_TIMEOUT: String(member.tier.electionMs),
    ETCD_AUTO_COMPACTION_MODE: 'periodic',
    ETCD_AUTO_COMPACTION_RETENTION: '1h',
    ETCD_QUOTA_BACKEND_BYTES: String(member.tier.quotaBytes),
    ETCD_SNAPSHOT_COUNT: '10000',
    // A voter that waits for the other regions writes seven lines per election time-out at `info`.
    ETCD_LOG_LEVEL: 'warn',
    ...extra,
  })
}
