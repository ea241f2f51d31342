import { decodeJournal } from '@meridian/global'
import type { TransferEntry } from '@meridian/global'
import type { MemoryDisk } from '@meridian/data-node/memory'
import { fromWireToken } from '@meridian/protocol'
import type { GetBarriersRequest, GetBarriersResponse } from '@meridian/protocol'
import { MemoryStore } from '@meridian/store/memory'
import { formatToken, JOURNAL_PREFIX, parseShardId, revision } from '@meridian/topology'
import { parseToken } from '../../history/token-text.ts'
import type { Life } from '../kernel/process.ts'
import type { SimEtcd } from '../store/sim-etcd.ts'
import type { SimRecorder } from './sim-recorder.ts'

interface Known {
  readonly entry: TransferEntry
  /** Barriers told, the highest of each shard. */
  readonly barriers: Map<string, bigint>
  readonly told: Set<string>
  /** Shards that have served since it was committed, and those that have taken writes of their source again. */
  readonly activated: Set<string>
  readonly thawed: Set<string>
  ended: 'committed' | 'aborted' | undefined
}

/**
 * Phases of planned transfers: what G's journal says, what frozen leaders told over the wire, and who served what
 * afterwards. A freeze is seen by the barrier that its leader tells, a moment after it.
 */
export class MoveRecording {
  readonly counts = { transfers: 0, committed: 0, aborted: 0, abortedFrozen: 0 }
  readonly #recorder: SimRecorder
  readonly #disks: ReadonlyMap<string, MemoryDisk>
  readonly #moves = new Map<string, Known>()

  constructor(recorder: SimRecorder, global: SimEtcd, disks: ReadonlyMap<string, MemoryDisk>) {
    this.#recorder = recorder
    this.#disks = disks
    void this.#watch(new MemoryStore(global.cluster))
  }

  /** A leader has told where the logs of its frozen shards end. */
  barriers(life: Life, request: GetBarriersRequest, response: GetBarriersResponse): void {
    const { operation: op } = request
    const known = this.#moves.get(op)
    if (known === undefined) return
    const node = life.process.name
    for (const barrier of response.barriers) {
      const { shardId: shard, index } = barrier
      const token = formatToken(fromWireToken(barrier.token))
      const highest = known.barriers.get(shard)
      if (highest === undefined) this.#recorder.by(life, { kind: 'move.freeze', op, shard, node, token })
      if (highest === undefined || highest < index) known.barriers.set(shard, index)
      if (known.told.has(`${shard} ${token} ${index}`)) continue
      known.told.add(`${shard} ${token} ${index}`)
      this.#recorder.by(life, { kind: 'move.barrier', op, shard, node, token, idx: String(index) })
    }
  }

  /**
   * About to be recorded as served: the first answer under the new generation shows that the shard is open at the target,
   * and a write of the old one beyond the barrier that it is open again at the source.
   *
   * @param written index of a write
   */
  serves(life: Life, shard: string, range: number, token: string, written: bigint | undefined): void {
    const { generation } = parseToken(token)
    const node = life.process.name
    for (const [op, known] of this.#moves) {
      const { entry, ended, activated, thawed, barriers } = known
      if (entry.rangeId !== range) continue
      if (generation === entry.generation + 1n && ended === 'committed' && !activated.has(shard)) {
        activated.add(shard)
        const idx = String(this.#endBefore(shard, generation))
        this.#recorder.by(life, { kind: 'move.activate', op, shard, node, token, idx })
      }
      if (generation !== entry.generation || ended === 'committed' || thawed.has(shard)) continue
      const barrier = barriers.get(shard)
      if (barrier === undefined || written === undefined || written <= barrier) continue
      thawed.add(shard)
      this.#recorder.by(life, { kind: 'move.thaw', op, shard, node })
    }
  }

  /** Where the log ended that the first leader of a generation built on; 0 while no disk has anything of it. */
  #endBefore(shard: string, generation: bigint): number {
    const begins = [...this.#disks.values()].flatMap((disk) => {
      const { base, entries } = disk.load(parseShardId(shard)) ?? { base: undefined, entries: [] }
      const run = base?.lineage.find(({ token }) => token.generation === generation)?.first
      const first = run ?? entries.find(({ token }) => token.generation === generation)?.index
      return first === undefined ? [] : [first]
    })
    return begins.length === 0 ? 0 : Math.min(...begins) - 1
  }

  async #watch(store: MemoryStore): Promise<void> {
    const never = new AbortController().signal
    const prefixes = [JOURNAL_PREFIX]
    for await (const event of store.watch({ fromRevision: revision(1), prefixes, signal: never })) {
      if (event.kind === 'compacted') throw new Error('assertion: the journal was compacted before it was read')
      if (event.kind !== 'changes') continue
      for (const { value } of event.changes) {
        const entry = value === undefined ? undefined : decodeJournal(value)
        if (entry?.kind === 'transfer') this.#transfer(entry, String(event.revision))
      }
    }
  }

  #transfer(entry: TransferEntry, rev: string): void {
    const { operation: op, rangeId: range, generation, source, target, phase } = entry
    let known = this.#moves.get(op)
    if (known === undefined) {
      known = { entry, barriers: new Map(), told: new Set(), activated: new Set(), thawed: new Set(), ended: undefined }
      this.#moves.set(op, known)
      this.counts.transfers += 1
      const prepare = { op, what: 'range', range, gen: String(generation), source, target } as const
      this.#recorder.record({ kind: 'move.prepare', ...prepare })
    }
    // Said once more of one that had ended the other way, so that a checker sees both.
    const end = phase === 'clean' || phase === 'done' ? 'committed' : phase.startsWith('abort') ? 'aborted' : undefined
    if (end === undefined || end === known.ended) return
    known.ended = end
    if (end === 'committed') {
      this.counts.committed += 1
      this.#recorder.record({ kind: 'move.commit', op, range, gen: String(generation + 1n), rev })
    } else {
      this.counts.aborted += 1
      if (known.barriers.size > 0) this.counts.abortedFrozen += 1
      this.#recorder.record({ kind: 'move.abort', op, range, rev })
    }
  }
}
