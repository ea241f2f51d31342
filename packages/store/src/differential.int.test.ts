import { silentLogger, systemClock } from '@meridian/loop'
import { seededRandom, seedOf, startEtcd } from '@meridian/testkit'
import { isMeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { bytes, text } from './conformance/context.ts'
import { WatchRecorder } from './conformance/watch-recorder.ts'
import { openEtcdStore } from './etcd/index.ts'
import { MemoryCluster, MemoryStore } from './memory/index.ts'
import type { Guard, Operation, Store, Txn } from './store.ts'

const STEPS = 600
const KEYS = Array.from({ length: 6 }, (_, i) => `/d/${i}`)
const VALUES = ['', 'a', 'b', 'c']
/** Compacted so often, in steps, and so far behind the newest revision. */
const COMPACT_EVERY = 50
const KEPT = 20n

type Random = ReturnType<typeof seededRandom>

/** One store under test; its revisions are told from where the test began, because clusters begin differently. */
interface Side {
  readonly store: Store
  readonly base: bigint
  readonly compact: (revision: Revision) => Promise<void>
}

const shown = (side: Side, revision: bigint): string => (revision === 0n ? '0' : String(revision - side.base))

/** Drawn once for both sides; revisions relative, turned into a side's own by `onto`. */
function drawTxn(random: Random, newest: bigint): { readonly txn: Txn; readonly relative: readonly bigint[] } {
  const relative: bigint[] = []
  const guards = Array.from({ length: random.int(3) }, (): Guard => {
    const key = random.pick(KEYS)
    const kind = random.pick(['mod-revision', 'create-revision', 'value-below', 'value-equals'] as const)
    relative.push(random.next() < 0.3 ? 0n : BigInt(random.int(Number(newest) + 1)))
    if (kind === 'value-below') return { kind, key, bound: bytes(random.pick(VALUES)) }
    if (kind === 'value-equals') return { kind, key, value: bytes(random.pick(VALUES)) }
    return { kind, key, equals: 0n as Revision }
  })
  const keys = KEYS.filter(() => random.next() < 0.3)
  const operations = keys.map((key): Operation =>
    random.next() < 0.3 ? { kind: 'delete', key } : { kind: 'put', key, value: bytes(random.pick(VALUES)) },
  )
  return { txn: { guards, operations, onRefusalRead: KEYS.filter(() => random.next() < 0.5) }, relative }
}

function onto(side: Side, txn: Txn, relative: readonly bigint[]): Txn {
  const guards = txn.guards.map((guard, at): Guard => {
    if (guard.kind !== 'mod-revision' && guard.kind !== 'create-revision') return guard
    const own = relative[at] ?? 0n
    return { ...guard, equals: (own === 0n ? 0n : own + side.base) as Revision }
  })
  return { ...txn, guards }
}

type Records = Awaited<ReturnType<Store['list']>>['records']

const recordsText = (side: Side, records: Records): string =>
  records
    .map(
      ({ key, value, createRevision, modRevision }) =>
        `${key}=${text(value)}@${shown(side, createRevision)}/${shown(side, modRevision)}`,
    )
    .join(' ')

async function told(side: Side, call: () => Promise<string>): Promise<string> {
  try {
    return await call()
  } catch (error) {
    if (isMeridianError(error)) return error.code
    throw error
  }
}

const committing = (side: Side, txn: Txn): Promise<string> =>
  told(side, async () => {
    const outcome = await side.store.txn(txn)
    const at = shown(side, outcome.revision)
    return outcome.committed ? `committed at ${at}` : `refused at ${at}: ${recordsText(side, outcome.records)}`
  })

const listing = (side: Side, relative: bigint | undefined): Promise<string> =>
  told(side, async () => {
    const past = relative === undefined ? {} : { revision: (relative + side.base) as Revision }
    const { records, revision } = await side.store.list('/d/', past)
    return `${shown(side, revision)}: ${recordsText(side, records)}`
  })

const reading = (side: Side, key: string): Promise<string> =>
  told(side, async () => {
    const record = await side.store.get(key)
    return record === undefined ? 'absent' : recordsText(side, [record])
  })

describe('the store in memory, on which simulations rest', () => {
  it(`answers as etcd does, step by step over ${STEPS} drawn steps, and tells watches the same`, async () => {
    const seed = seedOf('differential')
    const random = seededRandom(seed)
    await using etcd = await startEtcd()
    await using real = await openEtcdStore({ endpoints: etcd.endpoints, clock: systemClock, log: silentLogger })
    await using cluster = new MemoryCluster()
    await using memory = new MemoryStore(cluster)
    const sideOf = async (store: Store, compact: Side['compact']): Promise<Side> => ({
      store,
      base: (await store.list('/d/')).revision,
      compact,
    })
    const sides = [
      await sideOf(real, async (revision) => void (await etcd.etcdctl(['compact', String(revision)]))),
      await sideOf(memory, async (revision) => cluster.compact(revision)),
    ] as const
    const recorders = sides.map(({ store, base }) => new WatchRecorder(store, (base + 1n) as Revision, '/d/'))
    try {
      const counts = { committed: 0, refused: 0, compacted: 0 }
      let newest = 0n
      for (let step = 1; step <= STEPS; step += 1) {
        const { txn, relative } = drawTxn(random, newest)
        const past = random.next() < 0.5 ? undefined : BigInt(1 + random.int(Math.max(1, Number(newest))))
        const key = random.pick(KEYS)
        const answers = await Promise.all(
          sides.map(async (side) => [
            await committing(side, onto(side, txn, relative)),
            await listing(side, past),
            await reading(side, key),
          ]),
        )
        expect({ seed, step, answer: answers[1] }).toEqual({ seed, step, answer: answers[0] })
        const [[outcome = '', listed = ''] = []] = answers
        if (outcome.startsWith('committed')) counts.committed += 1
        if (outcome.startsWith('refused')) counts.refused += 1
        if (listed === 'COMPACTED') counts.compacted += 1
        newest = BigInt(/at (-?\d+)/.exec(outcome)?.[1] ?? newest)
        if (step % COMPACT_EVERY === 0 && newest > KEPT) {
          for (const side of sides) await side.compact((newest - KEPT + side.base) as Revision)
        }
      }
      // Of steps that were all alike in doing nothing there would be nothing to compare.
      expect(Math.min(counts.committed, counts.refused, counts.compacted)).toBeGreaterThan(20)
      const [fromEtcd, fromMemory] = recorders
      const last = (await memory.list('/d/')).revision
      await fromMemory?.until('everything in memory', () => fromMemory.revisions.at(-1) === last)
      await fromEtcd?.until('everything of etcd', () => fromEtcd.lines.length === fromMemory?.lines.length)
      expect(fromMemory?.lines).toEqual(fromEtcd?.lines)
      expect(fromMemory?.revisions.map((each) => each - sides[1].base)).toEqual(
        fromEtcd?.revisions.map((each) => each - sides[0].base),
      )
    } finally {
      for (const recorder of recorders) await recorder.stop()
    }
  })
})
