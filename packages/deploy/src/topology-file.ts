import { readFile } from 'node:fs/promises'
import { DISPLAY_NAME_CHARS_MAX, MeridianError, NODE_CAPACITY_MAX } from '@meridian/topology'
import { z } from 'zod'
import {
  byteSizeField,
  displayNameField,
  durationField,
  hostField,
  listenField,
  regionIdField,
  zoneIdField,
} from './config-fields.ts'
import { formatDuration } from './duration.ts'
import { DEFAULT_LEADER_SETTINGS, leaderField } from './leader-settings.ts'
import { BASE_PORT_MAX, BASE_PORT_MIN, ETCD_MEMBERS_MAX, NODES_MAX, SERVERS_MAX, SLOTS_MAX } from './ports.ts'
import { DEFAULT_TIMING, standstillComplaint, timingField } from './timing.ts'
import type { EtcdTier, NatsTuning, Topology } from './topology.ts'
import { topologyProblems } from './topology-checks.ts'
import { parseYaml } from './yaml-document.ts'

/** etcd itself refuses less. */
const HEARTBEATS_PER_ELECTION_MIN = 5
const ELECTION_MS_MAX = 50_000
const ZONES_MAX = 16
const REGION_ID_CHARS_MAX = 28

const etcdTier = (heartbeatMs: number, electionMs: number) =>
  z
    .strictObject({
      heartbeat: durationField.default(heartbeatMs),
      election: durationField.default(electionMs),
      quota: byteSizeField.default(2 * 2 ** 30),
    })
    .transform((texts, context): EtcdTier => {
      const { heartbeat, election } = texts
      const refuse = (message: string) =>
        context.issues.push({ code: 'custom', message, path: ['election'], input: texts })
      if (election < HEARTBEATS_PER_ELECTION_MIN * heartbeat) {
        refuse(
          `${formatDuration(election)} is less than ${HEARTBEATS_PER_ELECTION_MIN} heartbeats of ${formatDuration(heartbeat)}`,
        )
      }
      if (election > ELECTION_MS_MAX)
        refuse(`${formatDuration(election)} is more than ${formatDuration(ELECTION_MS_MAX)}`)
      return { heartbeatMs: heartbeat, electionMs: election, quotaBytes: texts.quota }
    })

const globalTier = etcdTier(200, 2400)
const regionalTier = etcdTier(100, 1000)

const natsField = z
  .strictObject({
    ping: durationField.default(2000),
    pingsOutMax: z.int().min(1).max(10).default(2),
    payloadMax: byteSizeField.default(2 ** 20),
  })
  .transform((texts): NatsTuning => ({
    pingMs: texts.ping,
    pingsOutMax: texts.pingsOutMax,
    payloadBytesMax: texts.payloadMax,
  }))

const regionField = z.strictObject({
  // Names of its processes are made of it and must still be node ids.
  id: regionIdField.refine(
    (id) => id.length <= REGION_ID_CHARS_MAX,
    `must be at most ${REGION_ID_CHARS_MAX} characters`,
  ),
  displayName: displayNameField,
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  zones: z.array(zoneIdField).min(1).max(ZONES_MAX),
  address: hostField.default('127.0.0.1'),
  listen: listenField.default('127.0.0.1'),
  voter: z.boolean().default(true),
  witness: z.boolean().default(false),
  etcdMembers: z.literal([1, 3, 5], { error: `must be 1, 3 or ${ETCD_MEMBERS_MAX}` }).default(1),
  servers: z.int().min(1).max(SERVERS_MAX).default(1),
  nodes: z.int().min(1).max(NODES_MAX).default(3),
  nodeCapacity: z.int().min(1).max(NODE_CAPACITY_MAX).default(100),
  slot: z
    .int()
    .min(0)
    .max(SLOTS_MAX - 1)
    .optional(),
})

const topologySchema = z
  .strictObject({
    name: regionIdField,
    basePort: z.int().min(BASE_PORT_MIN).max(BASE_PORT_MAX).default(24_000),
    wan: z
      .string()
      .max(DISPLAY_NAME_CHARS_MAX)
      .regex(/^wan\/[a-z0-9-]+\.yaml$/, 'must be wan/<name>.yaml'),
    etcd: z.strictObject({ global: globalTier.optional(), regional: regionalTier.optional() }).optional(),
    nats: natsField.optional(),
    timing: timingField.optional(),
    standstill: z.boolean().default(false),
    leader: leaderField.optional(),
    regions: z.array(regionField).min(1).max(SLOTS_MAX),
  })
  .transform((given, context): Topology => {
    const { name, basePort, wan, etcd, nats, timing = DEFAULT_TIMING, standstill, leader, regions } = given
    const complaint = standstill ? standstillComplaint(timing) : undefined
    if (complaint !== undefined) {
      context.issues.push({ code: 'custom', message: complaint, path: ['standstill'], input: given })
    }
    return {
      name,
      basePort,
      wan,
      etcd: { global: etcd?.global ?? globalTier.parse({}), regional: etcd?.regional ?? regionalTier.parse({}) },
      nats: nats ?? natsField.parse({}),
      timing,
      standstill,
      leader: leader ?? DEFAULT_LEADER_SETTINGS,
      regions: regions.map((region, position) => ({ ...region, slot: region.slot ?? position })),
    }
  })

/** @throws MeridianError CONFIG_INVALID, one line `file:line:col path: message` per problem. */
export function parseTopology(text: string, file: string): Topology {
  return parseYaml(topologySchema, text, file, topologyProblems)
}

/**
 * @throws MeridianError CONFIG_INVALID, also when there is no such file.
 */
export async function loadTopology(path: string): Promise<Topology> {
  return parseTopology(await readConfig(path), path)
}

/** The text of a configuration file. @throws MeridianError CONFIG_INVALID when it cannot be read. */
export async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new MeridianError('CONFIG_INVALID', `${path}: cannot be read (${reason})`, {
      details: { file: path },
      cause: error,
    })
  }
}
