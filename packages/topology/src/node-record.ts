import type { NodeId, RegionId, ZoneId } from './ids.ts'
import type { NodeEpoch } from './token.ts'

/**
 * - `up`: renews its lease; may lead.
 * - `down`: given up after W_N of silence; its node epoch was raised, so every leadership of it is dead.
 */
export const NODE_STATUSES = ['up', 'down'] as const
export type NodeStatus = (typeof NODE_STATUSES)[number]

/**
 * What a node is wanted for, which no crash or restart changes.
 *
 * - `serving`: replicas and leaders, of its share.
 * - `draining`: keeps its replicas; leads only what nobody else can.
 * - `leaving`: draining, and its replicas move away.
 * - `decommissioned`: nothing, for ever; its id is not given out again.
 */
export const NODE_DUTIES = ['serving', 'draining', 'leaving', 'decommissioned'] as const
export type NodeDuty = (typeof NODE_DUTIES)[number]

/** The record of a data node in its region's etcd. */
export interface NodeRecord {
  readonly nodeId: NodeId
  readonly region: RegionId
  readonly zone: ZoneId
  /** `host:port` that clients and replicas dial. */
  readonly address: string
  /** Relative share of leaders and replicas, 1 to 1000. */
  readonly capacity: number
  readonly nodeEpoch: NodeEpoch
  readonly status: NodeStatus
  readonly duty: NodeDuty
}

/** Whether a node may be given replicas, and leaders before others are. */
export function isWanted({ status, duty }: Pick<NodeRecord, 'status' | 'duty'>): boolean {
  return status === 'up' && duty === 'serving'
}

/** The record of a region in the global tier: who answers there. */
export interface RegionRecord {
  readonly region: RegionId
  readonly displayName: string
  /** `host:port` of each region server's API. */
  readonly servers: readonly string[]
}

export const NODE_CAPACITY_MAX = 1000
/** Bytes of a `host:port`. */
export const ADDRESS_BYTES_MAX = 261
/** Servers of one region. */
export const REGION_SERVERS_MAX = 16
/** Characters of a region's display name. */
export const DISPLAY_NAME_CHARS_MAX = 64

const HOST_AND_PORT = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*)|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})$/

/** Whether `text` is `host:port` or `[ipv6]:port` with a port from 1 to 65535. */
export function isAddress(text: string): boolean {
  const port = text.length <= ADDRESS_BYTES_MAX ? HOST_AND_PORT.exec(text)?.[1] : undefined
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535
}

/** What is wrong with `node`, in words; undefined when nothing is. Check it before a registration is stored. */
export function nodeComplaint(node: NodeRecord): string | undefined {
  if (!isAddress(node.address)) return `its address ${JSON.stringify(node.address)} is no host:port`
  if (!Number.isInteger(node.capacity) || node.capacity < 1 || node.capacity > NODE_CAPACITY_MAX) {
    return `its capacity ${node.capacity} is no integer from 1 to ${NODE_CAPACITY_MAX}`
  }
  return undefined
}

/** What is wrong with `record`, in words; undefined when nothing is. */
export function regionComplaint(record: RegionRecord): string | undefined {
  const { displayName, servers } = record
  // Control characters would reach terminals and logs by way of every listing of regions.
  if (displayName.length === 0 || displayName.length > DISPLAY_NAME_CHARS_MAX || /\p{C}/u.test(displayName)) {
    return `its display name ${JSON.stringify(displayName)} is not 1 to ${DISPLAY_NAME_CHARS_MAX} printable characters`
  }
  if (servers.length > REGION_SERVERS_MAX) return `it has ${servers.length} servers of at most ${REGION_SERVERS_MAX}`
  if (new Set(servers).size !== servers.length) return 'it names a server twice'
  const bad = servers.find((server) => !isAddress(server))
  return bad === undefined ? undefined : `its server ${JSON.stringify(bad)} is no host:port`
}
