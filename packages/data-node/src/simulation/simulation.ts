import { seededRandom } from '@meridian/testkit'
import { EMPTY_KEY, keyspaceName, nodeEpoch, nodeId, rangeId, regionId, shardId, token } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import type { ShardRecord } from '../fence/shard-record.ts'
import { REPLICA_BOUNDS } from '../replica/bounds.ts'
import type { ReplicaBounds } from '../replica/bounds.ts'
import { RULES } from '../replica/rules.ts'
import type { Rules } from '../replica/rules.ts'
import { EventQueue } from './event-queue.ts'
import type { FinalReplica, History, ReadOperation, ReplicaRecord, WriteOperation } from './history.ts'
import { holderRate, leaseWorld } from './lease-world.ts'
import type { LeaseWorldOptions } from './lease-world.ts'
import { oldEntriesReturn, randomFaults } from './nemesis.ts'
import { SimClient } from './sim-client.ts'
import { SimNode } from './sim-node.ts'
import type { NodeFaults } from './sim-node.ts'
import type { World } from './world.ts'

export interface SimulationOptions {
  readonly rules?: Partial<Rules>
  readonly faults?: NodeFaults
  /**
   * Instead of random faults, again and again the one story that random faults hardly ever tell: an old leader with
   * entries of its own comes back, spreads them one by one, and is succeeded by a leader that has never seen them.
   */
  readonly oldEntriesReturn?: boolean
  /** Leaders are replaced only after the grantor's wait, nodes get stopped, and half of the reads go by the lease. */
  readonly leases?: LeaseWorldOptions
  /** Assertions of the core end a node, which is started again, instead of the run. */
  readonly survivesAssertions?: boolean
  /** Virtual time with faults, before everything heals. */
  readonly faultyMs?: number
}

export interface SimulationRun {
  readonly history: History
  /** What happened at all: a run in which nothing was refused or acknowledged proves nothing. */
  readonly counts: {
    readonly acknowledged: number
    readonly reads: number
    readonly leaseReads: number
    readonly refusals: number
    readonly unknown: number
    readonly leaders: number
    readonly crashes: number
    readonly assertions: number
    readonly trims: number
    readonly duplicates: number
  }
  /** Set when the healed world did not come to rest. */
  readonly stuck: string | undefined
}

/** Small, so that a short run meets every edge. */
const BOUNDS: ReplicaBounds = {
  ...REPLICA_BOUNDS,
  uncommittedEntriesMax: 12,
  writeMsMax: 400,
  readMsMax: 200,
  retryMs: 30,
  confirmRetryMs: 40,
  logEntriesMax: 24,
  logEntriesKept: 6,
  sessionSequencesMax: 48,
}

const HEALED_MS_MAX = 20_000

/**
 * One shard with three replicas, a controller that names leaders under rising tokens at arbitrary moments, and clients,
 * all in virtual time on one seed: losses, delays, repetitions, cuts, crashes. Leadership changes are far more frequent
 * than any lease would allow, and no lease is consulted: what must hold here holds by tokens alone.
 */
export function simulate(seed: number, options: SimulationOptions = {}): SimulationRun {
  const random = seededRandom(seed)
  const queue = new EventQueue()
  const ids = ['n1', 'n2', 'n3'].map(nodeId)
  const records: ReplicaRecord[] = []
  const operations: (WriteOperation | ReadOperation)[] = []
  let faulty = true
  let crashes = 0
  let assertions = 0
  const loss = random.next() * 0.15
  const repeat = random.next() * 0.1
  const delayMsMax = 2 + random.next() * 40
  const cuts = new Set<string>()
  const bounds = {
    ...BOUNDS,
    appendEntriesMax: options.oldEntriesReturn === true ? 1 : 1 + random.int(4),
    sessionWindowsMax: random.next() < 0.3 ? 2 : 8,
  }

  // Between a client and a node nothing is repeated: a repeated request whose one copy is refused and whose other is
  // admitted would make every refusal an unknown outcome, and a connection does not do that.
  const carry = (from: string, to: string, deliver: () => void, repeats = true): void => {
    if (faulty && (cuts.has(`${from}>${to}`) || random.next() < loss)) return
    const times = repeats && faulty && random.next() < repeat ? 2 : 1
    for (let time = 0; time < times; time++) queue.after(random.next() * (faulty ? delayMsMax : 4), deliver)
  }

  const nodes = new Map<NodeId, SimNode>()
  for (const id of ids) {
    nodes.set(
      id,
      new SimNode({
        id,
        queue,
        random,
        bounds,
        rules: { ...RULES, ...options.rules },
        faults: options.faults ?? {},
        record: (record) => records.push(record),
        requestTimeoutMs: 90,
        clockRate: options.leases === undefined ? 1 : holderRate(random, options.leases),
        ...(options.survivesAssertions === true ? { onBroken: () => (assertions += 1) } : {}),
        carry: (to, request, answered) => {
          if (faulty && request.kind === 'append' && cuts.has(`${id}>appends`)) return
          carry(id, to, () => {
            nodes.get(to)?.replicaRequest(id, request, (response) => carry(to, id, () => answered(response)))
          })
        },
      }),
    )
  }
  const all = [...nodes.values()]
  for (const node of all) node.start()

  // The controller: one newest record, told to everybody again and again, never twice the same token.
  let newest = recordOf(ids, token(1, 1), ids[0], 1)
  const past: ShardRecord[] = [newest]
  const name = (leader: SimNode, mayMove = true): void => {
    const { generation, epoch } = newest.token
    const next: Token = mayMove && random.next() < 0.15 ? token(generation + 1n, 1) : token(generation, epoch + 1n)
    newest = recordOf(ids, next, leader.id, leader.life)
    past.push(newest)
  }
  const tell = (): void => {
    for (const node of all) {
      const told = faulty ? random.pick([newest, newest, past.at(-2) ?? newest]) : newest
      // A node that is cut off may go on for long under a record that is not the newest any more.
      if (faulty && cuts.has(`controller>${node.id}`)) continue
      if (!faulty || random.next() < 0.6) queue.after(random.next() * (faulty ? 60 : 5), () => node.learn(told))
    }
    queue.after(25, tell)
  }
  tell()
  const world: World = {
    queue,
    random,
    ids,
    nodes: all,
    cuts,
    faulty: () => faulty,
    newest: () => newest,
    name,
    crash: (node, downMsMax) => {
      node.crash()
      crashes += 1
      queue.after(random.next() * downMsMax, () => node.start())
    },
  }
  if (options.leases !== undefined) leaseWorld(world, options.leases)
  else if (options.oldEntriesReturn === true) oldEntriesReturn(world)
  else randomFaults(world)

  const clients = ['a', 'b', 'c', 'd'].map(
    (session) =>
      new SimClient({
        session,
        // Some wait for as long as a node may be stopped: theirs are the requests it finds when it wakes.
        timeoutMs: () => (options.leases !== undefined && random.next() < 0.3 ? 8_000 : 120),
        pauseMsMax: options.leases === undefined ? 12 : 80,
        leaseReads: options.leases === undefined ? 0 : 0.7,
        queue,
        random,
        route: () => {
          const record = random.next() < 0.7 ? newest : random.pick(past.slice(-3))
          const node = random.next() < 0.9 ? (record.leader?.nodeId ?? random.pick(ids)) : random.pick(ids)
          return { node, token: record.token }
        },
        carry: (to, request, answered) => {
          const back = (deliver: () => void): void => carry(to, session, deliver, false)
          carry(
            session,
            to,
            () => nodes.get(to)?.clientRequest(request, (answer) => back(() => answered(answer))),
            false,
          )
        },
        record: (operation) => operations.push(operation),
      }),
  )

  queue.run(options.faultyMs ?? (options.leases === undefined ? 3_000 : 25_000))
  faulty = false
  for (const node of all) {
    node.start()
    node.resume()
  }
  cuts.clear()
  // Whoever is named last tells everybody with its barrier what is committed; some operations run in this healed world.
  // Where leases count, nobody may be named before the last lease read is over.
  if (options.leases === undefined) name(random.pick(all))
  queue.run(queue.nowMs + 300)
  for (const client of clients) client.stop()
  if (options.leases !== undefined) {
    queue.run(queue.nowMs + 10_000)
    name(random.pick(all), false)
  }
  queue.run(queue.nowMs + 2_000)
  const atRest = (): boolean => {
    const states = all.map((node) => node.state)
    const leader = states.find((state) => state?.role.kind === 'leading' && state.role.serving)
    return leader !== undefined && states.every((state) => state?.shard.appliedIndex === leader.log.lastIndex)
  }
  queue.run(queue.nowMs + HEALED_MS_MAX, atRest)

  const final: FinalReplica[] = all.flatMap((node) => {
    const full = node.state?.shard.full()
    if (full === undefined) return []
    const values = full.values.flatMap(([key, stored]) =>
      stored === undefined ? [] : [{ key, value: Buffer.from(stored.value).toString(), index: stored.index }],
    )
    return [{ node: node.id, appliedIndex: full.appliedIndex, values }]
  })
  const writes = operations.filter((operation) => operation.kind === 'write')
  return {
    history: { replicas: ids.length, records, operations, final },
    counts: {
      acknowledged: clients.reduce((sum, client) => sum + client.acknowledged, 0),
      leaseReads: clients.reduce((sum, client) => sum + client.leaseReads, 0),
      reads: clients.reduce((sum, client) => sum + client.reads, 0),
      refusals: clients.reduce((sum, client) => sum + client.refusals, 0),
      unknown: writes.filter((write) => write.outcome === 'info').length,
      leaders: new Set(
        records.flatMap((record) =>
          record.kind === 'served' ? [`${record.token.generation}.${record.token.epoch}`] : [],
        ),
      ).size,
      crashes,
      assertions,
      trims: all.filter((node) => (node.state?.log.base.index ?? 0) > 0).length,
      duplicates: writes.reduce((sum, write) => sum + write.results.filter((result) => result.duplicate).length, 0),
    },
    stuck: atRest()
      ? undefined
      : all
          .map((node) => `${node.id} ${node.state?.role.kind} ${node.state?.log.lastIndex}/${node.state?.commitIndex}`)
          .join(', '),
  }
}

function recordOf(ids: readonly NodeId[], value: Token, leader: NodeId | undefined, life: number): ShardRecord {
  const range = rangeId(1)
  return {
    shardId: shardId(range, 0),
    rangeId: range,
    keyspace: keyspaceName('sim'),
    start: EMPTY_KEY,
    end: EMPTY_KEY,
    token: value,
    region: regionId('here'),
    leader: leader === undefined ? undefined : { nodeId: leader, address: leader, nodeEpoch: nodeEpoch(life) },
    replicas: ids.map((id) => ({ nodeId: id, address: id })),
    role: 'owner',
    freeze: undefined,
    learners: [],
  }
}
