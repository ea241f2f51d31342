import { formatTimestamp } from '@meridian/hlc'
import {
  decodePage,
  decodeRange,
  formatKey,
  INCARNATION_KEY,
  PAGE_PREFIX,
  RANGE_PREFIX,
  STAMP_KEY,
} from '@meridian/topology'
import type { Page, RangeDescriptor, Shard } from '@meridian/topology'
import type { RecordChange } from '@meridian/store'
import type { RegionLeaseCommitEvent } from '../history/authority-event.ts'
import type { HistoryEntry } from '../history/event.ts'
import type { ECommitEvent, GCommitEvent } from '../history/store-event.ts'
import { valueMark } from '../history/value-mark.ts'

/** Where elections stand: `/elect/<role>/<candidate>`. */
export const ELECTION_PREFIX = '/elect/'
/** Where G keeps the lease of each region, under its name. */
export const REGION_LEASE_PREFIX = '/region/'

/** Incarnation of revisions before the first one that says which it is. */
const NO_INCARNATION = '0'

export interface DecoderOptions {
  readonly witness: string
  readonly tier: string
  /** False: only keys and marks, for a second witness, whose log is compared and not decoded again. */
  readonly decodes: boolean
}

/**
 * Turns changes of a store, revision by revision and from the first one on, into events. Pure but for what it remembers:
 * the records as they last were, to tell which shards of a page changed and what a deleted record had been.
 */
export class CommitDecoder {
  readonly #options: DecoderOptions
  readonly #ranges = new Map<string, RangeDescriptor>()
  readonly #pages = new Map<string, Page>()
  /** Revision that each candidate's key was created at. */
  readonly #candidates = new Map<string, string>()
  #inc = NO_INCARNATION

  constructor(options: DecoderOptions) {
    this.#options = options
  }

  /** @param changes all that the revision changed, at once */
  read(revision: bigint, changes: readonly RecordChange[]): readonly HistoryEntry[] {
    const { witness, tier, decodes } = this.#options
    const rev = String(revision)
    const inc = textOf(changes, INCARNATION_KEY)
    if (inc !== '') this.#inc = inc
    const at: Instant = { inc: this.#inc, rev, stamp: textOf(changes, STAMP_KEY) }
    const events: HistoryEntry[] = []
    const gone: HistoryEntry[] = []
    for (const { key, value } of changes) {
      const mark = value === undefined ? '' : valueMark(value)
      events.push({ kind: 'put', witness, tier, inc: at.inc, rev, key, value: mark })
      if (!decodes) continue
      try {
        if (key.startsWith(RANGE_PREFIX)) this.#range(key, value, at, events, gone)
        if (key.startsWith(PAGE_PREFIX)) this.#page(key, value, at, events, gone)
        if (key.startsWith(ELECTION_PREFIX)) this.#candidate(key, value, at, events)
        if (key.startsWith(REGION_LEASE_PREFIX) && value !== undefined) events.push(rlCommitOf(key, value, at))
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        events.push({ kind: 'undecoded', witness, tier, rev, key, why })
      }
    }
    return [...events, ...gone]
  }

  /** Only that a key appears or goes says something; a candidate may rewrite its own. */
  #candidate(key: string, value: Uint8Array | undefined, { inc, rev }: Instant, events: HistoryEntry[]): void {
    const known = this.#candidates.get(key)
    if ((value === undefined) === (known === undefined)) return
    const role = key.slice(ELECTION_PREFIX.length, key.lastIndexOf('/'))
    const elect = known ?? rev
    if (value === undefined) this.#candidates.delete(key)
    else this.#candidates.set(key, elect)
    events.push({
      kind: 'elect',
      tier: this.#options.tier,
      inc,
      rev,
      role,
      elect,
      phase: value === undefined ? 'left' : 'stood',
    })
  }

  #range(key: string, value: Uint8Array | undefined, at: Instant, put: HistoryEntry[], gone: HistoryEntry[]): void {
    const before = this.#ranges.get(key)
    if (value === undefined) {
      this.#ranges.delete(key)
      if (before !== undefined) gone.push({ ...gCommitOf(before, at), status: 'gone', op: '', stamp: at.stamp })
      return
    }
    const range = decodeRange(value)
    this.#ranges.set(key, range)
    put.push(gCommitOf(range, at))
  }

  #page(key: string, value: Uint8Array | undefined, at: Instant, put: HistoryEntry[], gone: HistoryEntry[]): void {
    const before = this.#pages.get(key)
    const page = value === undefined ? undefined : decodePage(value)
    if (page === undefined) this.#pages.delete(key)
    else this.#pages.set(key, page)
    const region = this.#options.tier
    const old = new Map(before?.shards.map((shard) => [shard.shardId, shard]))
    for (const shard of page?.shards ?? []) {
      const was = old.get(shard.shardId)
      old.delete(shard.shardId)
      const same = was !== undefined && samePage(before, page) && sameShard(was, shard)
      if (page !== undefined && !same) put.push(eCommitOf(region, page, shard, at))
    }
    for (const shard of old.values()) {
      if (before !== undefined) gone.push({ ...eCommitOf(region, before, shard, at), status: 'gone' })
    }
  }
}

interface Instant {
  readonly inc: string
  readonly rev: string
  readonly stamp: string
}

function textOf(changes: readonly RecordChange[], key: string): string {
  return Buffer.from(changes.find((change) => change.key === key)?.value ?? '').toString('latin1')
}

function gCommitOf(range: RangeDescriptor, { inc, rev }: Instant): GCommitEvent {
  return {
    kind: 'g.commit',
    inc,
    rev,
    range: range.rangeId,
    keyspace: range.keyspace,
    start: formatKey(range.start),
    end: formatKey(range.end),
    owner: range.owner,
    gen: String(range.generation),
    status: range.status,
    op: range.operation,
    stamp: formatTimestamp(range.stamp),
    standbys: range.standbys,
    failover: range.failover,
  }
}

/** Read here by itself: what wrote it is under test. */
function rlCommitOf(key: string, value: Uint8Array, { inc, rev }: Instant): RegionLeaseCommitEvent {
  const parsed: unknown = JSON.parse(Buffer.from(value).toString())
  const { term, counter, status } = Object(parsed) as Readonly<Record<string, unknown>>
  if (typeof term !== 'string' || typeof counter !== 'string') throw new Error('no term and counter')
  if (status !== 'live' && status !== 'silent' && status !== 'barred') throw new Error(`status ${String(status)}`)
  return { kind: 'rl.commit', inc, rev, region: key.slice(REGION_LEASE_PREFIX.length), term, counter, status }
}

function eCommitOf(region: string, page: Page, shard: Shard, { inc, rev, stamp }: Instant): ECommitEvent {
  const led = shard.status === 'assigned'
  return {
    kind: 'e.commit',
    region,
    inc,
    rev,
    shard: shard.shardId,
    range: page.rangeId,
    gen: String(page.generation),
    epoch: String(shard.epoch),
    leader: led ? shard.leader : '',
    leaderNodeEpoch: led ? String(shard.leaderNodeEpoch) : '',
    replicas: shard.replicas,
    status: shard.status,
    stamp,
    page: page.role,
    ...(page.freeze === undefined ? {} : { freeze: { op: page.freeze.operation, rev: String(page.freeze.revision) } }),
  }
}

/** In what every shard of a page says. */
function samePage(a: Page | undefined, b: Page | undefined): boolean {
  return (
    a?.generation === b?.generation &&
    a?.role === b?.role &&
    a?.freeze?.operation === b?.freeze?.operation &&
    a?.freeze?.revision === b?.freeze?.revision
  )
}

function sameShard(a: Shard, b: Shard): boolean {
  return (
    a.start === b.start &&
    a.epoch === b.epoch &&
    a.status === b.status &&
    a.replicas.join() === b.replicas.join() &&
    (a.status === 'leaderless' ||
      (b.status === 'assigned' && a.leader === b.leader && a.leaderNodeEpoch === b.leaderNodeEpoch))
  )
}
