import type { RegionId, ZoneId } from '@meridian/topology'
import type { LeaderSettings } from './leader-settings.ts'
import type { Timing } from './timing.ts'

/** Raft timers and size of one tier's etcd. */
export interface EtcdTier {
  readonly heartbeatMs: number
  /** At least ten times the largest round trip between voters. */
  readonly electionMs: number
  readonly quotaBytes: number
}

export interface TopologyRegion {
  readonly id: RegionId
  readonly displayName: string
  readonly latitude: number
  readonly longitude: number
  readonly zones: readonly ZoneId[]
  /** Name or IP address that the other regions dial. */
  readonly address: string
  /** IP address that is bound. */
  readonly listen: string
  /** Whether a voter of G runs here. */
  readonly voter: boolean
  /** A voter of G and nothing else: no E, no NATS, no servers, no nodes. */
  readonly witness: boolean
  readonly etcdMembers: number
  readonly servers: number
  /** Spread over the zones in turn. */
  readonly nodes: number
  /** Relative share of leaders and replicas of each node here. */
  readonly nodeCapacity: number
  /** Place in the port plan. */
  readonly slot: number
}

/** The whole world, as `topology.yaml` says it. */
export interface Topology {
  /** Goes into the etcd clusters' tokens, so that members of two worlds never take each other for their own. */
  readonly name: string
  readonly basePort: number
  /** The WAN matrix, relative to the file's folder. Only the lab reads it. */
  readonly wan: string
  readonly etcd: { readonly global: EtcdTier; readonly regional: EtcdTier }
  readonly nats: NatsTuning
  readonly timing: Timing
  /** Whether regions go on while G is away, as long as every one promises to take nothing. */
  readonly standstill: boolean
  readonly leader: LeaderSettings
  readonly regions: readonly TopologyRegion[]
}

export interface NatsTuning {
  /** A silent connection is dropped after this times `pingsOutMax`. */
  readonly pingMs: number
  readonly pingsOutMax: number
  readonly payloadBytesMax: number
}
