import { decodeRegionLease, REGION_LEASE_PREFIX } from '@meridian/global'
import type { RegionLeaseRecord } from '@meridian/global'
import type { StoreRecord, Txn, TxnOutcome } from '@meridian/store'
import { decodeNode, NODE_PREFIX, RENEWALS_KEY } from '@meridian/topology'
import type { HistoryEntry } from '../../history/event.ts'
import type { Holding } from '../../history/authority-event.ts'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import type { Life } from '../kernel/process.ts'
import type { StoreTap } from '../store/sim-store.ts'
import { renewalsIn } from './renewals-text.ts'
import type { SimRecorder } from './sim-recorder.ts'

/** Where a region keeps its promises to stand still. */
const PROMISE_PREFIX = '/promise/'
/** Key of the outcome of one step of a transfer. */
const STEP = /^\/op\/step:([0-9a-f]+):(\d+)$/
const ELECTION = /^\/elect\/([^/]+)\//
/** All clusters of a simulation are at their first incarnation. */
const INC = '1'

interface Observed {
  readonly counter: string
  readonly under: string
}

/**
 * Tells from what processes ask of the stores who renewed, who took, who commits as leader and who stamped: what they do,
 * and not what they say that they do.
 */
export class StoreRecording implements StoreTap {
  readonly #recorder: SimRecorder
  readonly #leases: { readonly regionLeaseMs: number }
  /** By life and holding: what it saw last. */
  readonly #seen = new WeakMap<Life, Map<Holding, Observed>>()
  readonly #sentAt = new WeakMap<Txn, number>()
  readonly counts = { takes: 0, regionTakes: 0, promises: 0, refusedCommits: 0 }

  constructor(recorder: SimRecorder, leases: { readonly regionLeaseMs: number }) {
    this.#recorder = recorder
    this.#leases = leases
  }

  sent(_: Life, txn: Txn): void {
    this.#sentAt.set(txn, this.#recorder.nowNs())
  }

  answered(life: Life, store: string, txn: Txn, outcome: TxnOutcome, sentLocalMs: number): void {
    if (!outcome.committed) return
    const rev = String(outcome.revision)
    const localMs = life.clock.nowMs()
    for (const operation of txn.operations) {
      if (operation.kind !== 'put') continue
      const { key, value } = operation
      if (store === GLOBAL_TIER && key.startsWith(REGION_LEASE_PREFIX)) {
        const renewal = renewalOf(life, key, value)
        const { regionLeaseMs: leaseMs } = this.#leases
        const { region } = life.process
        if (renewal !== undefined) {
          // Only of those that were answered: one that was not is sent again under the same number.
          this.#recorder.by(life, { kind: 'rl.renew', region, ...counted(renewal), sentLocalMs })
          this.#recorder.by(life, { kind: 'rl.ack', region, ...counted(renewal), sentLocalMs, localMs, leaseMs, rev })
        } else this.#regionTaken(life, key, decodeRegionLease(value), sentLocalMs, rev, this.#sentAt.get(txn))
      }
      if (store !== GLOBAL_TIER && key.startsWith(PROMISE_PREFIX)) this.counts.promises += 1
      if (store !== GLOBAL_TIER && key.startsWith(NODE_PREFIX)) this.#nodeWritten(life, value, sentLocalMs, rev)
    }
  }

  read(life: Life, store: string, key: string, record: StoreRecord | undefined): void {
    if (record === undefined || life.process.kind !== 'server') return
    if (store === GLOBAL_TIER && key.startsWith(REGION_LEASE_PREFIX)) {
      const region = key.slice(REGION_LEASE_PREFIX.length)
      const { term, counter } = decodeRegionLease(record.value)
      if (region !== life.process.region) this.#observed(life, `region:${region}`, String(counter), String(term))
    }
    if (store !== GLOBAL_TIER && key === RENEWALS_KEY) {
      for (const [node, count] of renewalsIn(record.value))
        this.#observed(life, `node:${node}`, count.counter, count.nodeEpoch)
    }
  }

  /** Told by the store itself, whether or not anybody hears the answer. */
  decided(store: string, txn: Txn, outcome: TxnOutcome): void {
    const [, op = '', opSeq = ''] = txn.operations.flatMap(({ key }) => STEP.exec(key) ?? [])
    for (const guard of txn.guards) {
      const role = guard.kind === 'create-revision' ? ELECTION.exec(guard.key)?.[1] : undefined
      // A candidate that stands compares that its key is not there yet: it leads nothing.
      if (role === undefined || guard.kind !== 'create-revision' || guard.equals === 0n) continue
      if (!outcome.committed) this.counts.refusedCommits += 1
      const entry: HistoryEntry = {
        kind: 'ctl.act',
        tier: store,
        role,
        elect: String(guard.equals),
        op,
        opSeq,
        effect: 'commit',
        target: txn.operations.map(({ key }) => key).join(' '),
        result: '',
        outcome: outcome.committed ? 'accepted' : 'refused',
        inc: outcome.committed ? INC : '',
        rev: outcome.committed ? String(outcome.revision) : '',
      }
      this.#recorder.record(entry)
    }
  }

  #observed(life: Life, what: Holding, counter: string, under: string): void {
    const seen = this.#seen.get(life) ?? new Map<Holding, Observed>()
    this.#seen.set(life, seen)
    const before = seen.get(what)
    if (before?.counter === counter && before.under === under) return
    seen.set(what, { counter, under })
    const localMs = life.clock.nowMs()
    this.#recorder.by(life, { kind: 'take.observe', who: life.process.name, what, counter, localMs })
  }

  /** A region's lease written by another region: its authority was taken. */
  #regionTaken(
    life: Life,
    key: string,
    record: RegionLeaseRecord,
    sentLocalMs: number,
    rev: string,
    sentAt: number | undefined,
  ): void {
    const what: Holding = `region:${key.slice(REGION_LEASE_PREFIX.length)}`
    if (record.status !== 'silent') return
    this.counts.regionTakes += 1
    this.#taken(life, what, String(record.term - 1n), String(record.counter), sentLocalMs, rev, sentAt)
  }

  #nodeWritten(life: Life, value: Uint8Array, sentLocalMs: number, rev: string): void {
    const node = decodeNode(value)
    if (node.status !== 'down') return
    const what: Holding = `node:${node.nodeId}`
    this.counts.takes += 1
    const seen = this.#seen.get(life)?.get(what)
    // A life that never renewed has no row; its counter stands at 0 since the taker first looked.
    this.#taken(life, what, String(node.nodeEpoch - 1n), seen?.counter ?? '0', sentLocalMs, rev)
  }

  #taken(
    life: Life,
    what: Holding,
    under: string,
    counter: string,
    localMs: number,
    rev: string,
    sentAt?: number,
  ): void {
    const who = life.process.name
    const entry = {
      kind: 'take.commit',
      who,
      what,
      under,
      counter,
      localMs,
      ...(sentAt !== undefined && { sentAt }),
      forced: false,
      approvals: [],
      rev,
    } as const
    this.#recorder.by(life, entry)
  }
}

const counted = ({ term, counter }: RegionLeaseRecord) => ({ term: String(term), counter: String(counter) })

/** A put that renews the region's own lease. */
function renewalOf(life: Life, key: string, value: Uint8Array): RegionLeaseRecord | undefined {
  if (key !== REGION_LEASE_PREFIX + life.process.region) return undefined
  const record = decodeRegionLease(value)
  return record.status === 'live' ? record : undefined
}
