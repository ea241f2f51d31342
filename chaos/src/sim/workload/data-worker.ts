import type { MeridianClient } from '@meridian/client'
import type { ReadRequest, ReadResponse, Refusal, WriteRequest, WriteResponse } from '@meridian/protocol'
import { fromWireToken } from '@meridian/protocol'
import { formatKey, formatToken, isMeridianError, keyBytes, keyOfBytes } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import type { RequestInvokedEvent } from '../../history/request-event.ts'
import { valueMark } from '../../history/value-mark.ts'
import type { Life } from '../kernel/process.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { SimRecorder } from '../record/sim-recorder.ts'
import { KEYSPACE } from '../world/plan.ts'

const WRITE_SHARE = 0.55
const LEASE_SHARE = 0.2
/** A register that is asked too often is not searched in time. */
const TIMEOUT_MS = [1500, 8000] as const

export interface WorkCounts {
  ok: number
  failed: number
  unknown: number
  reads: number
  refusedReads: number
}

/** What the last answer to a client about a key said of itself. */
interface Said {
  readonly index: bigint
  readonly token: string
  readonly shard: string
  readonly duplicate: boolean
}

/** One client's workers, one request after the other each, with no two of them at the same key. */
export class DataWorkers {
  readonly client: MeridianClient
  readonly counts: WorkCounts = { ok: 0, failed: 0, unknown: 0, reads: 0, refusedReads: 0 }
  readonly #life: Life
  readonly #recorder: SimRecorder
  readonly #keys: readonly Key[]
  readonly #pauseMs: number
  /** The request that is at a key. */
  readonly #busy = new Map<Key, { readonly client: string; readonly cseq: string }>()
  readonly #said = new Map<string, Said>()
  readonly #shards = new Map<Key, string>()
  readonly #running = new Set<Promise<void>>()
  #stopped = false

  constructor(client: MeridianClient, life: Life, recorder: SimRecorder, keys: readonly Key[], pauseMs: number) {
    this.client = client
    this.#life = life
    this.#recorder = recorder
    this.#keys = keys
    this.#pauseMs = pauseMs
  }

  get name(): string {
    return this.#life.process.name
  }

  /** The client's map names a leader for every key. */
  get ready(): boolean {
    return this.#keys.every((key) => this.client.router.route(KEYSPACE, key).ok)
  }

  start(workers: number): void {
    // A map may lose a key for a while, and keys keep their shard.
    for (const key of this.#keys) this.#note(key)
    for (let at = 1; at <= workers; at++) {
      const running = this.#work(`${this.name}.w${at}`, this.#life.random)
      this.#running.add(running)
      void running.finally(() => this.#running.delete(running))
    }
  }

  stop(): void {
    this.#stopped = true
  }

  get idle(): boolean {
    return this.#running.size === 0
  }

  onWrite(node: string, request: WriteRequest, { outcome }: WriteResponse): void {
    const [item] = request.items
    if (outcome?.$case === 'refusal' && item !== undefined) this.#refused(node, item.key, request.token, outcome.value)
    if (outcome?.$case !== 'results') return
    const token = formatToken(fromWireToken(outcome.value.token))
    for (const [at, item] of request.items.entries()) {
      const result = outcome.value.items[at]
      if (result === undefined || result.code !== '') continue
      const { index, duplicate } = result
      this.#said.set(hex(item.key), { index, token, shard: request.shardId, duplicate })
    }
  }

  onRead(node: string, request: ReadRequest, { outcome }: ReadResponse): void {
    const [key] = request.keys
    if (outcome?.$case === 'refusal' && key !== undefined) this.#refused(node, key, request.token, outcome.value)
    if (outcome?.$case !== 'results') return
    const token = formatToken(fromWireToken(outcome.value.token))
    for (const key of request.keys)
      this.#said.set(hex(key), { index: outcome.value.index, token, shard: request.shardId, duplicate: false })
  }

  async #work(worker: string, random: SimRandom): Promise<void> {
    for (let cseq = 1; !this.#stopped; cseq++) {
      await this.#life.clock.sleep(-Math.log(1 - random.next()) * this.#pauseMs)
      if (this.#stopped) return
      const free = this.#keys.filter((key) => !this.#busy.has(key))
      const key = random.pick(free)
      const draw = random.next()
      const timeoutMs = random.between(...TIMEOUT_MS)
      const request = { client: worker, cseq: String(cseq), key, timeoutMs }
      this.#busy.set(key, request)
      if (draw < WRITE_SHARE) await this.#write(request)
      else await this.#read(request, draw < WRITE_SHARE + LEASE_SHARE ? 'lease' : 'quorum')
      this.#busy.delete(key)
    }
  }

  async #write({ client, cseq, key, timeoutMs }: WorkRequest): Promise<void> {
    const value = Buffer.from(`${client}/${cseq}`)
    this.#invoked({ client, cseq, key }, { f: 'write', mode: '', value: valueMark(value) })
    const [outcome] = await this.client.write(KEYSPACE, [{ key, value }], { timeoutMs })
    if (outcome === undefined) throw new Error('assertion: a write without an outcome')
    if (outcome.status === 'ok') {
      const { token } = this.#saidOf(key)
      const { index, duplicate } = outcome
      this.counts.ok += 1
      this.#record({ kind: 'req.ok', client, cseq, value: '', idx: String(index), token, duplicate })
    } else if (outcome.status === 'failed') {
      this.counts.failed += 1
      this.#record({ kind: 'req.fail', client, cseq, code: outcome.code })
    } else {
      this.counts.unknown += 1
      this.#record({ kind: 'req.info', client, cseq, code: outcome.code })
    }
  }

  async #read({ client, cseq, key, timeoutMs }: WorkRequest, mode: 'quorum' | 'lease'): Promise<void> {
    this.#invoked({ client, cseq, key }, { f: 'read', mode, value: '' })
    try {
      const row = await this.client.get(KEYSPACE, key, { mode, timeoutMs })
      const { index, token } = this.#saidOf(key)
      this.counts.reads += 1
      const value = row === undefined ? '' : valueMark(row.value)
      this.#record({ kind: 'req.ok', client, cseq, value, idx: String(index), token, duplicate: false })
    } catch (error) {
      if (!isMeridianError(error)) throw error
      this.counts.refusedReads += 1
      this.#record({ kind: 'req.fail', client, cseq, code: error.code })
    }
  }

  #invoked(
    { client, cseq, key }: Pick<WorkRequest, 'client' | 'cseq' | 'key'>,
    what: Pick<RequestInvokedEvent, 'f' | 'mode' | 'value'>,
  ): void {
    this.#note(key)
    const shard = this.#shards.get(key) ?? ''
    const register = `${KEYSPACE}/${formatKey(key)}`
    this.#record({ kind: 'req.inv', client, cseq, tier: 'data', shard, key: register, expected: '', op: '', ...what })
  }

  /** Keys keep their shard through whatever happens here, so the last known one is the one. */
  #note(key: Key): void {
    const route = this.client.router.route(KEYSPACE, key)
    if (route.ok) this.#shards.set(key, route.route.shardId)
  }

  #refused(node: string, key: Uint8Array, sent: WriteRequest['token'], { code, newest }: Refusal): void {
    const request = this.#busy.get(keyOfBytes(key))
    if (code !== 'TOKEN_MISMATCH' || request === undefined || newest === undefined) return
    const { client, cseq } = request
    const [token, own] = [formatToken(fromWireToken(sent)), formatToken(fromWireToken(newest.token))]
    this.#record({ kind: 'req.refused', client, cseq, node, token, own })
  }

  #saidOf(key: Key): Said {
    const said = this.#said.get(hex(keyBytes(key)))
    if (said === undefined) throw new Error(`assertion: nobody answered about ${formatKey(key)}`)
    return said
  }

  #record(entry: Parameters<SimRecorder['by']>[1]): void {
    this.#recorder.by(this.#life, entry)
  }
}

interface WorkRequest {
  readonly client: string
  readonly cseq: string
  readonly key: Key
  readonly timeoutMs: number
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
