import { decodeJournal } from '@meridian/global'
import type { GetPositionsResponse } from '@meridian/protocol'
import type { Txn } from '@meridian/store'
import { decodePage, encodePage, JOURNAL_PREFIX, PAGE_PREFIX, pageKey, thawPage } from '@meridian/topology'
import type { OperationId, Page } from '@meridian/topology'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import type { SimEtcd } from '../store/sim-etcd.ts'
import type { Bends } from '../world/bends.ts'
import { again, pairsOf } from './fault-plans.ts'
import type { BendHost, Mutant } from './mutant.ts'
import { withoutGuards } from './txn-bends.ts'

/** Transfers all the time. */
const BUSY = { operatorPauseMs: 400, transferShare: 0.6, pauseMs: 80, standstill: false } as const

/** The phase that a transfer's journal would be in after the transaction, and whose it is; undefined: it is none's. */
function stepIn({ operations }: Txn): { readonly phase: string; readonly operation: OperationId } | undefined {
  for (const operation of operations) {
    if (operation.kind !== 'put' || !operation.key.startsWith(JOURNAL_PREFIX)) continue
    const entry = decodeJournal(operation.value)
    if (entry.kind === 'transfer') return { phase: entry.phase, operation: entry.operation }
  }
  return undefined
}

const commits = (store: string, txn: Txn): boolean => store === GLOBAL_TIER && stepIn(txn)?.phase === 'clean'

function pagesPut({ operations }: Txn): Page[] {
  return operations.flatMap((operation) =>
    operation.kind === 'put' && operation.key.startsWith(PAGE_PREFIX) ? [decodePage(operation.value)] : [],
  )
}

const refusedBy = ({ cluster }: SimEtcd) => ({ committed: false, revision: cluster.revision, records: [] }) as const

/** Opens pages that are frozen for a transfer, behind the back of their region, and keeps them from being frozen again. */
class Thaw {
  readonly #host: BendHost
  readonly #thawed = new Set<OperationId>()
  /** Where a transfer has frozen a page. */
  readonly #frozen = new Map<OperationId, { readonly store: string; readonly key: string }>()

  constructor(host: BendHost) {
    this.#host = host
  }

  /** Told of every transaction of a region. @returns transfers that it freezes a page for, for the first time */
  sent(store: string, txn: Txn): OperationId[] {
    return pagesPut(txn).flatMap(({ rangeId, freeze }) => {
      if (freeze === undefined || this.#frozen.has(freeze.operation)) return []
      this.#frozen.set(freeze.operation, { store, key: pageKey(rangeId) })
      return [freeze.operation]
    })
  }

  now(operation: OperationId): void {
    const place = this.#frozen.get(operation)
    if (place === undefined || this.#thawed.has(operation)) return
    const { cluster } = this.#host.store(place.store)
    const record = cluster.history.at(place.key)
    const page = record === undefined ? undefined : decodePage(record.value)
    if (page?.freeze?.operation !== operation) return
    this.#thawed.add(operation)
    cluster.apply({ guards: [], operations: [{ kind: 'put', key: place.key, value: encodePage(thawPage(page)) }] })
  }

  freezesAgain(txn: Txn): boolean {
    return pagesPut(txn).some(({ freeze }) => freeze !== undefined && this.#thawed.has(freeze.operation))
  }
}

/** Thaws by `when`, and holds up some steps at G so that it matters. */
function thawing(host: BendHost, when: (thaw: Thaw, store: string, txn: Txn) => number): Bends {
  const thaw = new Thaw(host)
  return {
    txnDelayMs: (_, store, txn) => when(thaw, store, txn),
    outcome: (_, store, txn) => (store.name !== GLOBAL_TIER && thaw.freezesAgain(txn) ? refusedBy(store) : undefined),
  }
}

/** On planned transfers. */
export const MOVE_MUTANTS: readonly Mutant[] = [
  {
    name: 'thaw-before-abort',
    breaks: 'a source takes writes again because somebody means to abort, and not because G says so',
    killedBy: ['atomic-moves', 'aborted-moves'],
    seeds: 15,
    profile: BUSY,
    bends: (host) =>
      thawing(host, (thaw, store, txn) => {
        if (store !== GLOBAL_TIER) {
          thaw.sent(store, txn)
          return 0
        }
        const step = stepIn(txn)
        if (step?.phase !== 'aborting') return commits(store, txn) ? 1000 : 0
        thaw.now(step.operation)
        return 2500
      }),
    faults: () => [],
  },
  {
    name: 'thaw-by-timer',
    breaks: 'a freeze ends by itself after a while',
    killedBy: ['atomic-moves', 'aborted-moves'],
    seeds: 5,
    profile: BUSY,
    bends: (host) =>
      thawing(host, (thaw, store, txn) => {
        if (store !== GLOBAL_TIER)
          for (const operation of thaw.sent(store, txn)) host.after(1200, () => thaw.now(operation))
        return commits(store, txn) ? 2000 : 0
      }),
    faults: () => [],
  },
  {
    name: 'blind-commit',
    breaks: 'a transfer is committed without a compare that nobody has aborted it',
    killedBy: ['aborted-moves'],
    seeds: 10,
    profile: BUSY,
    bends: () => ({
      txn: (_, store, txn) => (commits(store, txn) ? withoutGuards(txn, () => true) : txn),
      txnDelayMs: (_, store, txn) => (commits(store, txn) ? 1500 : 0),
    }),
    faults: () => [],
  },
  {
    name: 'copy-early',
    breaks: 'a transfer is committed when the target has something, and not when it has all up to the barrier',
    killedBy: ['atomic-moves'],
    seeds: 60,
    firstSeed: 20,
    profile: BUSY,
    bends: () => ({
      received: (client, method, response) => {
        if (method !== 'ReplicaService/GetPositions' || client.process.kind !== 'server') return response
        // Made by the codec of that very method.
        const { positions } = response as GetPositionsResponse
        const more = positions.map((position) => ({
          ...position,
          lastIndex: position.lastIndex + 1000n,
          lastToken: position.promised,
        }))
        return { positions: more }
      },
    }),
    faults: (world, random) =>
      again(world, random, {
        kind: 'slow-link',
        targets: pairsOf(world),
        everyMs: 1500,
        forMs: [4000, 9000],
        amount: 1200,
      }),
  },
  {
    name: 'no-reconciliation',
    breaks: 'a region that was not told of an abort never looks whether there was one',
    killedBy: ['freezes-end'],
    seeds: 10,
    profile: BUSY,
    bends: () => ({
      // A thaw of the very generation that was frozen comes to nothing.
      outcome: (_, store, txn) => {
        if (store.name === GLOBAL_TIER) return undefined
        const thaws = pagesPut(txn).some(({ rangeId, generation, freeze }) => {
          const record = store.cluster.history.at(pageKey(rangeId))
          const before = record === undefined ? undefined : decodePage(record.value)
          return freeze === undefined && before?.freeze !== undefined && before.generation === generation
        })
        return thaws ? refusedBy(store) : undefined
      },
      txnDelayMs: (_, store, txn) => (commits(store, txn) ? 2000 : 0),
    }),
    faults: () => [],
  },
]
