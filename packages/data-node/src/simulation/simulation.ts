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
import { SimClient } from './sim-client.ts'
import { SimNode } from './sim-node.ts'
import type { NodeFaults } from './sim-node.ts'

export interface SimulationOptions {
  readonly rules?: Partial<Rules>
  readonly faults?: NodeFaults
  /**
   * Instead of random faults, again and again the one story that random faults hardly ever tell: an old leader with
   * entries of its own comes back, spreads them one by one, and is succeeded by a leader that has never seen them.
   */
  readonly oldEntriesReturn?: boolean
  /** Leaders are replaced only after the grantor's wait, nodes get stopped, and half of the reads go by the lease. */
  readonly leases?: { readonly waitMs: number; /** As far apart as the bound allows. */ readonly worstClocks?: boolean }
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

/** Clocks wrong by up to a fifth, so that a missing margin shows. */
const LEASE = { drift: 0.2, leaseMs: 2_000, renewMs: 500, delayMsMax: 500 }
/** L (1 + d) / (1 - d) and a little. */
export const LEASE_WAIT_MS = (LEASE.leaseMs * (1 + LEASE.drift)) / (1 - LEASE.drift) + 50

function drifting(random: { next(): number }): number {
  return 1 + LEASE.drift * (2 * random.next() - 1)
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
        clockRate:
          options.leases === undefined ? 1 : options.leases.worstClocks === true ? 1 - LEASE.drift : drifting(random),
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
  const rename = (): void => {
    if (!faulty) return
    // Also two at once: the first may be sealing still, or be told only after the second.
    for (let times = random.next() < 0.25 ? 2 : 1; times > 0; times--) name(random.pick(all))
    queue.after(random.next() < 0.3 ? random.next() * 60 : 100 + random.next() * 500, rename)
  }

  const crash = (): void => {
    if (!faulty) return
    const node = random.pick(all)
    node.crash()
    crashes += 1
    queue.after(random.next() * 300, () => node.start())
    queue.after(random.next() * 700, crash)
  }

  const cut = (): void => {
    if (!faulty) return
    cuts.clear()
    if (random.next() < 0.6) {
      const lone = random.pick(ids)
      if (random.next() < 0.6) cuts.add(`controller>${lone}`)
      for (const other of ids) {
        if (random.next() < 0.8) cuts.add(`${lone}>${other}`)
        if (random.next() < 0.8) cuts.add(`${other}>${lone}`)
      }
    }
    queue.after(100 + random.next() * 500, cut)
  }

  const cutOff = (node: SimNode): void => {
    cuts.clear()
    for (const other of ids) for (const pair of [`${node.id}>${other}`, `${other}>${node.id}`]) cuts.add(pair)
  }
  const oldEntriesReturn = (): void => {
    if (!faulty) return
    const [first, second] = random.next() < 0.5 ? [all[0], all[1]] : [all[2], all[0]]
    if (first === undefined || second === undefined) return
    const acts: readonly (readonly [afterMs: number, act: () => void])[] = [
      [0, () => name(first)],
      [300, () => cutOff(first)],
      [200, () => name(second)],
      [0, () => cuts.add(`${second.id}>appends`)],
      [150 + random.next() * 100, () => cutOff(second)],
      [0, () => name(first)],
      [80 + random.next() * 250, () => cutOff(first)],
      [0, () => name(second)],
      [300, () => cuts.clear()],
    ]
    let atMs = 0
    for (const [afterMs, act] of acts) {
      atMs += afterMs
      queue.after(atMs, act)
    }
    queue.after(atMs + 100, oldEntriesReturn)
  }
  const leaseWorld = (waitMs: number): void => {
    // The grantor: when it saw which life of a node renew last, by its own clock.
    const rate = options.leases?.worstClocks === true ? 1 + LEASE.drift : drifting(random)
    const grantorMs = (): number => queue.nowMs * rate
    const renewals = new Map<NodeId, { life: number; atMs: number }>()
    const condemned = new Set<string>()
    const far = (from: string, to: string, deliver: () => void): void => {
      if (!cuts.has(`${from}>${to}`)) queue.after(random.next() * LEASE.delayMsMax, deliver)
    }
    const renew = (node: SimNode): void => {
      const { life } = node
      const sentMs = node.clockMs
      if (node.state !== undefined && !node.isStopped) {
        far(node.id, 'controller', () => {
          const known = renewals.get(node.id)
          if (known !== undefined && known.life > life) return
          // A life that was given up renews no more: told so, the process starts anew.
          if (condemned.has(`${node.id}/${life}`)) {
            far('controller', node.id, () => {
              if (node.life === life) node.crash()
              node.start()
            })
            return
          }
          renewals.set(node.id, { life, atMs: grantorMs() })
          far('controller', node.id, () => node.leaseGranted(life, sentMs, LEASE.leaseMs))
        })
      }
      queue.after(LEASE.renewMs, () => renew(node))
    }
    const watch = (): void => {
      const leader = newest.leader
      const known = leader === undefined ? undefined : renewals.get(leader.nodeId)
      const gone = known === undefined || BigInt(known.life) !== leader?.nodeEpoch
      if (leader === undefined || (known !== undefined && (gone || grantorMs() - known.atMs >= waitMs))) {
        const able = all.filter((node) => node.id !== leader?.nodeId && node.state !== undefined)
        if (able.length > 0) {
          condemned.add(`${leader?.nodeId}/${leader?.nodeEpoch}`)
          name(random.pick(able), false)
        }
      }
      queue.after(20, watch)
    }
    const stop = (): void => {
      if (!faulty) return
      const node = all.find((each) => each.id === newest.leader?.nodeId) ?? random.pick(all)
      const die = random.next()
      if (die < 0.2) {
        node.crash()
        crashes += 1
        queue.after(random.next() * 1_000, () => node.start())
      } else if (die < 0.6) {
        node.stop()
        queue.after(500 + random.next() * 5_000, () => node.resume())
      } else {
        // Cut off from everybody but the clients.
        for (const other of [...ids, 'controller'])
          for (const pair of [`${node.id}>${other}`, `${other}>${node.id}`]) cuts.add(pair)
        queue.after(500 + random.next() * 5_000, () => cuts.clear())
      }
      queue.after(1_000 + random.next() * 7_000, stop)
    }
    for (const node of all) renew(node)
    watch()
    stop()
  }

  if (options.leases !== undefined) leaseWorld(options.leases.waitMs)
  else if (options.oldEntriesReturn === true) oldEntriesReturn()
  else {
    queue.after(random.next() * 300, rename)
    queue.after(random.next() * 500, crash)
    queue.after(random.next() * 500, cut)
  }

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
  }
}
