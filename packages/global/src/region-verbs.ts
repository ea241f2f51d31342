import { formatTimestamp, parseTimestamp, StampRefusedError } from '@meridian/hlc'
import type { HybridClock } from '@meridian/hlc'
import { withTimeLimit } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import type { Operation, Store } from '@meridian/store'
import { counted, drainKey, MeridianError, regionLeaseKey, STAMP_KEY } from '@meridian/topology'
import type { NodeId, OperationId, RangeDescriptor, RegionId, Revision, ShardId } from '@meridian/topology'
import type { GlobalView } from './global-view.ts'
import { encodeJournal, takeoverKey, takeoverOperation } from './journal.ts'
import { decodeRegionLease, encodeRegionLease } from './region-lease.ts'
import type { RegionLeaseRecord } from './region-lease.ts'
import { planTakes } from './takeover-plan.ts'
import type { StandbyFacts, TakePlan } from './takeover-plan.ts'
import type { TransferPorts } from './transfer-driver.ts'
import type { NodePlace } from './transfer-state.ts'

export interface RegionVerbsOptions {
  readonly store: Store
  readonly view: GlobalView
  readonly hlc: HybridClock
  /** Of this server, for the journal. */
  readonly address: string
  readonly ports: Pick<TransferPorts, 'page' | 'askPositions'>
  readonly standbyFacts: (range: RangeDescriptor['rangeId'], region: RegionId) => StandbyFacts
  /** Why a region may not be given anything; undefined: it may. */
  readonly objection: (region: RegionId) => string | undefined
  readonly clock: Clock
  readonly wallMs: () => number
}

export interface FailOverRequest {
  readonly region: RegionId
  readonly reason: string
  /** Somebody attests that nothing of the region runs: no lease of it is waited for. */
  readonly poweredOff: boolean
  /** Also if ranges would be left that nobody can take. */
  readonly evenStranded?: boolean
}

export interface FailOverPlan extends TakePlan {
  /** Ranges that nobody can take as things are, with the reason. */
  readonly stranded: readonly { readonly range: RangeDescriptor; readonly why: string }[]
}

const ATTEMPTS_MAX = 8
const NONE = 0n as Revision
/** Patience for one node's answer, ms. */
const ASK_MS_MAX = 2000
/** Stranded ranges named in a refusal. */
const NAMED_MAX = 5

/** What an operator does to a whole region. Each is one commit at G, and safe to repeat. */
export class RegionVerbs {
  readonly #options: RegionVerbsOptions

  constructor(options: RegionVerbsOptions) {
    this.#options = options
  }

  /** From now on nobody hands ownership to the region, and the leader of G leaves it. What it owns it keeps. */
  async drain(region: RegionId, operation: OperationId, signal: AbortSignal): Promise<void> {
    const { view } = this.#options
    if (!view.regions.has(region)) throw new MeridianError('REGION_UNKNOWN', `no region ${region} is known`)
    const key = drainKey(region)
    await this.#stamped(
      (stamp) => ({
        guards: [{ kind: 'create-revision', key, equals: NONE } as const],
        operations: [{ kind: 'put', key, value: Buffer.from(JSON.stringify({ region, operation, stamp })) }],
      }),
      signal,
    )
  }

  async undrain(region: RegionId, signal: AbortSignal): Promise<void> {
    const key = drainKey(region)
    const present = await this.#options.store.get(key, { signal })
    if (present === undefined) return
    await this.#stamped(
      () => ({
        guards: [{ kind: 'mod-revision', key, equals: present.modRevision } as const],
        operations: [{ kind: 'delete', key }],
      }),
      signal,
    )
  }

  /**
   * Where the region's ranges would go, and which of them nobody can take: asks the nodes of each target whether a quorum
   * of every shard answers, because the next leader has to seal one.
   */
  async planFailOver(region: RegionId, signal: AbortSignal): Promise<FailOverPlan> {
    const { view, standbyFacts, objection } = this.#options
    const ranges = view.ranges.list().filter(({ owner }) => owner === region)
    const plan = planTakes(
      { region, forced: true, poweredOff: true, goneMs: 0 },
      { ranges, standbyFacts, objection, importance: () => 0, holds: [], waitMsOf: (ms) => ms },
    )
    const targets = new Map(
      plan.batches.flatMap(({ takes }) => takes.map((take) => [take.rangeId, take.target] as const)),
    )
    const silent = await this.#silentShards(ranges, targets, signal)
    const stranded = ranges.flatMap((range) => {
      const target = targets.get(range.rangeId)
      if (target === undefined) return [{ range, why: 'no standby of it may be given anything' }]
      const shards = silent.get(range.rangeId) ?? []
      if (shards.length === 0 || range.status === 'vacant') return []
      return [{ range, why: `no quorum of ${target} answers for ${counted(shards.length, 'shard')}, as ${shards[0]}` }]
    })
    return { ...plan, stranded }
  }

  /**
   * Takes the region's authority by hand: bars it at once, so that it cannot renew; the failover authority takes its
   * ranges when its leases have surely run out, or at once when somebody attests that nothing of it runs.
   *
   * @throws MeridianError NOT_ENOUGH_NODES when ranges would be stranded; REGION_UNKNOWN
   */
  async failOver(request: FailOverRequest, signal: AbortSignal): Promise<RegionLeaseRecord> {
    const { region, reason, poweredOff } = request
    const { stranded } = await this.planFailOver(region, signal)
    if (stranded.length > 0 && request.evenStranded !== true) {
      const named = stranded.slice(0, NAMED_MAX).map(({ range, why }) => `range ${range.rangeId}: ${why}`)
      throw new MeridianError(
        'NOT_ENOUGH_NODES',
        `${counted(stranded.length, 'range')} of ${region} would be left to nobody (${named.join('; ')}); with --even-stranded the others are taken all the same`,
      )
    }
    return this.#changeLease(region, signal, (record) => {
      if (record.status === 'barred' && (!poweredOff || record.bar?.poweredOff === true)) return undefined
      // An attestation that comes later is about the same bar.
      const term = record.status === 'barred' ? record.term : record.term + 1n
      return { term, counter: record.counter, status: 'barred', bar: { reason, poweredOff } }
    })
  }

  /** Lets the region renew again, under a term of its own. Does nothing when it is not barred. */
  liftBar(region: RegionId, signal: AbortSignal): Promise<RegionLeaseRecord> {
    return this.#changeLease(region, signal, (record) =>
      // Not `silent`: that would say that W_R was waited.
      record.status === 'barred' ? { term: record.term + 1n, counter: record.counter + 1n, status: 'live' } : undefined,
    )
  }

  async #changeLease(
    region: RegionId,
    signal: AbortSignal,
    change: (record: RegionLeaseRecord) => RegionLeaseRecord | undefined,
  ): Promise<RegionLeaseRecord> {
    const { store } = this.#options
    const key = regionLeaseKey(region)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await store.get(key, { signal })
      if (stored === undefined) throw new MeridianError('REGION_UNKNOWN', `region ${region} never had a lease`)
      const record = decodeRegionLease(stored.value)
      const next = change(record)
      if (next === undefined) return record
      const operations: Operation[] = [{ kind: 'put', key, value: encodeRegionLease(next) }]
      if (next.status === 'barred') operations.push(this.#journal(region, next))
      const guards = [{ kind: 'mod-revision', key, equals: stored.modRevision } as const]
      const outcome = await store.txn({ guards, operations }, signal)
      if (outcome.committed) return next
    }
    throw new MeridianError('RANGE_BUSY', `the lease of ${region} changed ${ATTEMPTS_MAX} times in a row; try again`)
  }

  #journal(region: RegionId, { term, counter, bar }: RegionLeaseRecord): Operation {
    const { view, address, wallMs } = this.#options
    const nowWallMs = Math.round(wallMs())
    const attested = bar?.poweredOff === true ? ', attested to be powered off' : ''
    const value = encodeJournal({
      kind: 'takeover',
      operation: takeoverOperation(region, term),
      region,
      term,
      authority: address,
      elect: NONE,
      counter,
      waitedMs: 0,
      forced: true,
      observedWallMs: nowWallMs,
      updatedWallMs: nowWallMs,
      ranges: 0,
      left: view.ranges.list().filter(({ owner }) => owner === region).length,
      phase: 'taking',
      note: `an operator took the authority of ${region}${attested}: ${bar?.reason ?? ''}`,
    })
    return { kind: 'put', key: takeoverKey(region, term), value }
  }

  /** By range, the shards of which no quorum at the target answers. */
  async #silentShards(
    ranges: readonly RangeDescriptor[],
    targets: ReadonlyMap<RangeDescriptor['rangeId'], RegionId>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<RangeDescriptor['rangeId'], readonly ShardId[]>> {
    const { ports, clock } = this.#options
    const pages = ranges.flatMap((range) => {
      const target = targets.get(range.rangeId)
      const page = target === undefined ? undefined : ports.page(range.rangeId, target)
      return page === undefined ? [] : [{ range, page }]
    })
    const asked = new Map<NodeId, { node: NodePlace; shards: Set<ShardId> }>()
    for (const { page } of pages) {
      for (const { shardId, replicas } of page.shards) {
        for (const node of replicas) {
          const ask = asked.get(node.nodeId) ?? { node, shards: new Set<ShardId>() }
          asked.set(node.nodeId, ask)
          ask.shards.add(shardId)
        }
      }
    }
    const answered = new Map<NodeId, ReadonlySet<ShardId>>()
    await Promise.all(
      [...asked.values()].map(async ({ node, shards }) => {
        const ask = (late: AbortSignal) => ports.askPositions(node, [...shards], late)
        const positions = await withTimeLimit(clock, ASK_MS_MAX, ask, signal).catch(() => [])
        const usable = positions.filter(({ installing }) => !installing)
        answered.set(node.nodeId, new Set(usable.map(({ shardId }) => shardId)))
      }),
    )
    signal.throwIfAborted()
    return new Map(
      pages.map(({ range, page }) => [
        range.rangeId,
        page.shards
          .filter(({ shardId, replicas }) => {
            const up = replicas.filter(({ nodeId }) => answered.get(nodeId)?.has(shardId) === true)
            return up.length < Math.floor(replicas.length / 2) + 1
          })
          .map(({ shardId }) => shardId),
      ]),
    )
  }

  /** One ordering event: its stamp is compared with, and becomes, the last one. Refused by its own guards it is over. */
  async #stamped(
    make: (stamp: string) => {
      readonly guards: Parameters<Store['txn']>[0]['guards']
      readonly operations: Operation[]
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { store, hlc } = this.#options
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stamp = stampOf(hlc)
      const { guards, operations } = make(stamp)
      const bound = Buffer.from(stamp)
      const outcome = await store.txn(
        {
          guards: [...guards, { kind: 'value-below', key: STAMP_KEY, bound }],
          operations: [...operations, { kind: 'put', key: STAMP_KEY, value: bound }],
          onRefusalRead: [STAMP_KEY],
        },
        signal,
      )
      const last = outcome.committed ? undefined : outcome.records[0]
      if (last === undefined || Buffer.compare(last.value, bound) < 0) return
      hlc.observeCommitted(parseTimestamp(Buffer.from(last.value).toString()))
    }
    throw new MeridianError('UNAVAILABLE', `other writers' stamps came first ${ATTEMPTS_MAX} times in a row`)
  }
}

function stampOf(hlc: HybridClock): string {
  try {
    return formatTimestamp(hlc.now())
  } catch (cause) {
    if (!(cause instanceof StampRefusedError)) throw cause
    throw new MeridianError('CLOCK_OFFSET', cause.message, { cause })
  }
}
