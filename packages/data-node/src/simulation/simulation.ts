import { seededRandom } from '@meridian/testkit'
import { nodeId } from '@meridian/topology'
import type { NodeId } from '@meridian/topology'
import { REPLICA_BOUNDS } from '../replica/bounds.ts'
import type { ReplicaBounds } from '../replica/bounds.ts'
import { RULES } from '../replica/rules.ts'
import type { Rules } from '../replica/rules.ts'
import { SimController } from './controller.ts'
import { EventQueue } from './event-queue.ts'
import type { FinalReplica, History, Operation, ReplicaRecord } from './history.ts'
import { holderRate, leaseWorld } from './lease-world.ts'
import type { LeaseWorldOptions } from './lease-world.ts'
import { moveWorld } from './move-world.ts'
import type { MoveWorldOptions } from './move-world.ts'
import { oldEntriesReturn, randomFaults } from './nemesis.ts'
import { regionWorld } from './region-world.ts'
import type { RegionWorldOptions } from './region-world.ts'
import { SimClient } from './sim-client.ts'
import { historyEntry } from './history-entry.ts'
import { SimNode } from './sim-node.ts'
import type { NodeFaults } from './node-faults.ts'
import type { World } from './world.ts'

export interface SimulationOptions {
  readonly rules?: Partial<Rules>
  readonly faults?: NodeFaults
  /**
   * Instead of random faults, again and again the one story that random faults hardly ever tell: an old leader with
   * entries of its own comes back, spreads them one by one, and is succeeded by a leader that has never seen them.
   */
  readonly oldEntriesReturn?: boolean
  /** A second region with as many nodes follows, takes over, is given the range as planned, and back. */
  readonly regions?: RegionWorldOptions
  /** Two more nodes, and the replica set moves over all of them. */
  readonly moves?: MoveWorldOptions
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
    readonly staleReads: number
    readonly refusals: number
    readonly unknown: number
    readonly leaders: number
    readonly crashes: number
    readonly assertions: number
    readonly trims: number
    readonly duplicates: number
    /** States installed from another replica. */
    readonly installs: number
    /** Entries that a takeover left behind, known to have been committed. */
    readonly lost: number
    /** Changes of owner, by plan or not, and of the replica set. */
    readonly moves: number
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
  logEntriesHeld: 60,
  silentMs: 250,
  logEntriesKept: 6,
  installBytesMax: 200,
  installRetryMs: 120,
  offerMs: 300,
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
  const homes = {
    here: ['n1', 'n2', 'n3', ...(options.moves === undefined ? [] : ['n4', 'n5'])].map(nodeId),
    there: (options.regions === undefined ? [] : ['m1', 'm2', 'm3']).map(nodeId),
  }
  const ids = [...homes.here, ...homes.there]
  const records: ReplicaRecord[] = []
  const operations: Operation[] = []
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
    // What a window has forgotten cannot be reported when the entry is trimmed too.
    sessionWindowsMax: random.next() < 0.3 && options.regions === undefined ? 2 : 8,
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
        mayVouch: (generation) => controller.mayVouch(generation),
        clockRate: options.leases === undefined ? 1 : holderRate(random, options.leases),
        ...(options.survivesAssertions === true ? { onBroken: () => (assertions += 1) } : {}),
        question: (to, request, answered) =>
          carry(id, to, () => {
            nodes.get(to)?.clientRequest(request, (answer) => carry(to, id, () => answered(answer), false))
          }),
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

  const at = (home: readonly NodeId[]): SimNode[] => all.filter((node) => home.includes(node.id))
  const controller: SimController = new SimController({
    regions: Object.entries(homes).flatMap(([name, home]) => (home.length === 0 ? [] : [{ name, nodes: at(home) }])),
    replicas: homes.here.slice(0, 3),
    record: (record) => records.push(record),
    nowMs: () => queue.nowMs,
    forgetsFreeze: options.regions?.forgetsFreeze === true,
  })
  const name = (leader: SimNode, mayMove = true): void => {
    controller.name(
      leader,
      mayMove && options.regions === undefined && options.moves === undefined && random.next() < 0.15,
    )
  }
  // Told to everybody by its region, again and again.
  const tell = (): void => {
    for (const node of all) {
      const { newest, before } = controller.toldTo(node) ?? {}
      if (newest === undefined || before === undefined) continue
      const told = faulty ? random.pick([newest, newest, before]) : newest
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
    newest: () => controller.newest,
    controller,
    name,
    crash: (node, downMsMax) => {
      node.crash()
      crashes += 1
      queue.after(random.next() * downMsMax, () => node.start())
    },
  }
  if (options.leases !== undefined) leaseWorld(world, options.leases)
  else if (options.regions !== undefined) regionWorld(world, options.regions)
  else if (options.moves !== undefined) moveWorld(world, options.moves)
  else if (options.oldEntriesReturn === true) oldEntriesReturn(world)
  else randomFaults(world)

  const clients = ['a', 'b', 'c', 'd'].map(
    (session) =>
      new SimClient({
        session,
        // Some wait for as long as a node may be stopped: theirs are the requests it finds when it wakes.
        timeoutMs: () => (options.leases !== undefined && random.next() < 0.3 ? 8_000 : 120),
        pauseMsMax: options.leases === undefined ? 12 : 80,
        leaseReads: options.leases === undefined ? 0 : (options.leases.leaseReads ?? 0.7),
        staleReads: options.regions === undefined && options.moves === undefined ? 0 : 0.25,
        anyNode: () => random.pick(ids),
        queue,
        random,
        route: () => {
          const record = random.next() < 0.7 ? controller.newest : random.pick(controller.past.slice(-3))
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
  if (controller.frozen !== undefined) controller.thaw()
  controller.follow()
  if (options.leases === undefined) name(random.pick(controller.candidates))
  queue.run(queue.nowMs + 300)
  for (const client of clients) client.stop()
  if (options.leases !== undefined) {
    queue.run(queue.nowMs + 10_000)
    name(random.pick(controller.candidates), false)
  }
  queue.run(queue.nowMs + 2_000)
  const atRest = (): boolean => {
    const states = all.filter((node) => controller.fed.has(node.id)).map((node) => node.state)
    const leader = states.find((state) => state?.role.kind === 'leading' && state.role.serving)
    return leader !== undefined && states.every((state) => state?.shard.appliedIndex === leader.log.lastIndex)
  }
  queue.run(queue.nowMs + HEALED_MS_MAX, atRest)

  const final: FinalReplica[] = all.flatMap((node) => {
    const full = node.state?.shard.full()
    if (node.state === undefined || full === undefined || !controller.fed.has(node.id)) return []
    const values = full.values.map(([key, stored]) => ({
      key,
      value: Buffer.from(stored.value).toString(),
      index: stored.index,
    }))
    const lineage = node.state.log.baseAt(full.appliedIndex).lineage
    return [{ node: node.id, appliedIndex: full.appliedIndex, lineage, values }]
  })
  const quarantine = all.flatMap((node) =>
    node.quarantine
      // Superseded for a while by a leader that came to nothing, it is in the log again.
      .filter(({ entry }) => node.state?.log.matches(entry) === false)
      .map((lost) => ({ ...lost, node: node.id, entry: historyEntry(lost.entry) })),
  )
  const writes = operations.filter((operation) => operation.kind === 'write')
  return {
    history: { records, operations, final, quarantine },
    counts: {
      acknowledged: clients.reduce((sum, client) => sum + client.acknowledged, 0),
      leaseReads: clients.reduce((sum, client) => sum + client.leaseReads, 0),
      staleReads: clients.reduce((sum, client) => sum + client.staleReads, 0),
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
      installs: all.reduce((sum, node) => sum + node.installs, 0),
      lost: quarantine.filter((lost) => lost.committed).length,
      moves: controller.moves,
      duplicates: writes.reduce((sum, write) => sum + write.results.filter((result) => result.duplicate).length, 0),
    },
    stuck: atRest()
      ? undefined
      : all
          .map((node) => `${node.id} ${node.state?.role.kind} ${node.state?.log.lastIndex}/${node.state?.commitIndex}`)
          .join(', '),
  }
}
