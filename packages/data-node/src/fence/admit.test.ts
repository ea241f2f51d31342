import {
  EMPTY_KEY,
  generation,
  keyspaceName,
  nodeEpoch,
  nodeId,
  operationId,
  rangeId,
  regionId,
  shardId,
  token,
} from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { admitLeaseRead, admitQuorumRead, admitWrite } from './admit.ts'
import type { ShardRole, ShardView } from './admit.ts'
import { LeaseClock, RegionLeases } from './lease-clock.ts'
import type { ShardRecord } from './shard-record.ts'

const range = rangeId(7)
const record: ShardRecord = {
  shardId: shardId(range, 0),
  rangeId: range,
  keyspace: keyspaceName('cities'),
  start: EMPTY_KEY,
  end: EMPTY_KEY,
  token: token(4, 2),
  region: regionId('eu-west'),
  leader: { nodeId: nodeId('n1'), address: 'n1:1', nodeEpoch: nodeEpoch(1) },
  replicas: [],
  prior: undefined,
  role: 'owner',
  freeze: undefined,
  learners: [],
}

function leases(options: { nodeUntil: number; regionUntil: number; confirmedGeneration?: number }) {
  const node = new LeaseClock()
  if (options.nodeUntil > 0) node.granted(0, options.nodeUntil)
  const region = new RegionLeases()
  region.confirmed(0, options.regionUntil, [
    { rangeId: range, generation: generation(options.confirmedGeneration ?? 4) },
  ])
  return { node, region }
}

const good = { nodeUntil: 6000, regionUntil: 9000 }
const view = (role: ShardRole): ShardView => ({ role, newest: record })

interface Case {
  readonly what: string
  readonly view: ShardView | undefined
  readonly token?: ReturnType<typeof token>
  readonly leases?: Parameters<typeof leases>[0]
  readonly nowMs?: number
  readonly write: string
  readonly quorum: string
  readonly lease: string
}

const every = (code: string): Pick<Case, 'write' | 'quorum' | 'lease'> => ({ write: code, quorum: code, lease: code })

const CASES: readonly Case[] = [
  { what: 'all is well', view: view('serving'), ...every('ok') },
  { what: 'no such shard', view: undefined, ...every('SHARD_UNKNOWN') },
  { what: 'the shard was taken away', view: view('none'), ...every('SHARD_UNKNOWN') },
  { what: 'an older epoch', view: view('serving'), token: token(4, 1), ...every('TOKEN_MISMATCH') },
  { what: 'a newer epoch', view: view('serving'), token: token(4, 3), ...every('TOKEN_MISMATCH') },
  {
    what: 'the same epoch of a newer generation',
    view: view('serving'),
    token: token(5, 2),
    ...every('TOKEN_MISMATCH'),
  },
  { what: 'the token before the role', view: view('follower'), token: token(4, 1), ...every('TOKEN_MISMATCH') },
  { what: 'a follower', view: view('follower'), ...every('NOT_LEADER') },
  { what: 'still sealing', view: view('sealing'), ...every('NOT_SERVING') },
  {
    what: 'the role before the leases',
    view: view('sealing'),
    leases: { nodeUntil: 0, regionUntil: 0 },
    ...every('NOT_SERVING'),
  },
  {
    what: 'frozen for a transfer, before the leases',
    view: { role: 'serving', newest: { ...record, freeze: operationId('transfer-1') } },
    leases: { nodeUntil: 0, regionUntil: 0 },
    ...every('RANGE_FROZEN'),
  },
  {
    what: 'a replica in a region that only follows',
    view: { role: 'follower', newest: { ...record, role: 'standby', leader: undefined } },
    ...every('NOT_LEADER'),
  },
  {
    what: 'no node lease',
    view: view('serving'),
    leases: { nodeUntil: 0, regionUntil: 9000 },
    write: 'ok',
    quorum: 'ok',
    lease: 'NO_NODE_LEASE',
  },
  {
    what: 'no region lease',
    view: view('serving'),
    leases: { nodeUntil: 6000, regionUntil: 0 },
    ...every('NO_REGION_LEASE'),
  },
  {
    what: 'authority over another generation',
    view: view('serving'),
    leases: { ...good, confirmedGeneration: 3 },
    ...every('NO_REGION_LEASE'),
  },
  {
    what: 'inside the guard of the node lease',
    view: view('serving'),
    nowMs: 5900,
    write: 'ok',
    quorum: 'ok',
    lease: 'NO_NODE_LEASE',
  },
  { what: 'just before that guard', view: view('serving'), nowMs: 5899, ...every('ok') },
  {
    what: 'inside the guard of the region lease',
    view: view('serving'),
    leases: { nodeUntil: 60_000, regionUntil: 9000 },
    nowMs: 8950,
    write: 'ok',
    quorum: 'ok',
    lease: 'NO_REGION_LEASE',
  },
  {
    what: 'at the deadline',
    view: view('serving'),
    leases: { nodeUntil: 60_000, regionUntil: 9000 },
    nowMs: 9000,
    ...every('NO_REGION_LEASE'),
  },
]

describe('the order of checks at the door', () => {
  it.each(CASES)('$what', (world) => {
    const held = leases(world.leases ?? good)
    const asked = world.token ?? record.token
    const nowMs = world.nowMs ?? 1000
    const code = (admission: ReturnType<typeof admitWrite>): string =>
      admission.admitted ? 'ok' : admission.refusal.code
    expect({
      write: code(admitWrite(world.view, asked, held.region, nowMs)),
      quorum: code(admitQuorumRead(world.view, asked, held.region, nowMs)),
      lease: code(admitLeaseRead(world.view, asked, held, nowMs)),
    }).toEqual({ write: world.write, quorum: world.quorum, lease: world.lease })
    const refused = admitWrite(world.view, asked, held.region, nowMs)
    if (!refused.admitted) expect(refused.refusal.newest).toBe(world.view?.newest)
  })
})
