import type { DataNode } from '@meridian/data-node'
import type { MemoryDisk } from '@meridian/data-node/memory'
import type {
  AppendRequest,
  AppendResponse,
  ConfirmRangesRequest,
  ConfirmRangesResponse,
  GetBarriersRequest,
  GetBarriersResponse,
  ReadRequest,
  ReadResponse,
  Refusal,
  RenewNodeRequest,
  RenewNodeResponse,
  SealRequest,
  SealResponse,
  WriteRequest,
  WriteResponse,
} from '@meridian/protocol'
import { fromWireToken } from '@meridian/protocol'
import { compareTokens, formatToken, parseShardId, RENEWALS_KEY, ZERO_TOKEN } from '@meridian/topology'
import type { Revision, ShardId, Token } from '@meridian/topology'
import type { ServeMode } from '../../history/shard-event.ts'
import { rangeOfShard } from '../../history/shard-text.ts'
import type { Life } from '../kernel/process.ts'
import type { Answered, Handled, NetworkTap } from '../net/network.ts'
import type { SimEtcd } from '../store/sim-etcd.ts'
import { renewalsIn } from './renewals-text.ts'
import type { MoveRecording } from './move-recording.ts'
import type { SimRecorder } from './sim-recorder.ts'

/** Lease reads stop this long before the deadline; as the design has it, not as the code says. */
const GUARD_MS = 100

export interface NetSources {
  readonly node: (name: string) => DataNode | undefined
  readonly disk: (name: string) => MemoryDisk | undefined
  readonly store: (region: string) => SimEtcd
  readonly moves: MoveRecording
  /** A client was answered by a node; for the workload, whose library does not say it all. */
  readonly onRead: (client: string, node: string, request: ReadRequest, response: ReadResponse) => void
  readonly onWrite: (client: string, node: string, request: WriteRequest, response: WriteResponse) => void
}

/**
 * Tells from the calls between processes what nodes served and refused, what replicas promised and which leases were
 * granted: by what went over the wire, what the disk then held and what the clocks then showed.
 */
export class NetRecording implements NetworkTap {
  readonly counts = { served: 0, refused: 0, leaseReads: 0 }
  readonly #recorder: SimRecorder
  readonly #sources: NetSources
  /** Until when, by the node's clock, its region vouched for a range under a generation; of this life. */
  readonly #authority = new WeakMap<Life, Map<string, number>>()

  constructor(recorder: SimRecorder, sources: NetSources) {
    this.#recorder = recorder
    this.#sources = sources
  }

  // Requests and responses were made by the codec of the very method that is named beside them.
  /** Of a replica: what its disk had promised then. */
  arrived(life: Life, method: string, request: unknown): Token | undefined {
    if (method !== 'ReplicaService/Seal' && method !== 'ReplicaService/Append') return undefined
    return this.#promisedAt(life.process.name, (request as SealRequest | AppendRequest).shardId)
  }

  handled({ life, method, request, response, before }: Handled): void {
    if (response === undefined) return
    switch (method) {
      case 'DataService/Write':
        this.#write(life, request as WriteRequest, response as WriteResponse)
        return
      case 'DataService/Read':
        this.#read(life, request as ReadRequest, response as ReadResponse)
        return
      case 'ReplicaService/GetBarriers':
        this.#sources.moves.barriers(life, request as GetBarriersRequest, response as GetBarriersResponse)
        return
      case 'ReplicaService/Seal':
        this.#seal(life, request as SealRequest, response as SealResponse, before as Token)
        return
      case 'ReplicaService/Append':
        this.#append(life, request as AppendRequest, response as AppendResponse, before as Token)
        return
      default:
        return
    }
  }

  answered({ client, server, life, method, request, response, sentLocalMs }: Answered): void {
    switch (method) {
      case 'DataService/Write':
        this.#sources.onWrite(client.name, server, request as WriteRequest, response as WriteResponse)
        return
      case 'DataService/Read':
        this.#sources.onRead(client.name, server, request as ReadRequest, response as ReadResponse)
        return
      case 'NodeService/RenewNode':
        this.#renewed(life, request as RenewNodeRequest, response as RenewNodeResponse, sentLocalMs)
        return
      case 'NodeService/ConfirmRanges':
        this.#confirmed(life, request as ConfirmRangesRequest, response as ConfirmRangesResponse, sentLocalMs)
        return
      default:
        return
    }
  }

  /** What was on its way to the disk of a node is there. */
  synced(life: Life, shard: ShardId, promisedBefore: Token, promised: Token, lastIndex: number): void {
    if (compareTokens(promised, promisedBefore) <= 0) return
    const deed = { replica: life.process.name, shard, token: formatToken(promised), idx: String(lastIndex) }
    this.#recorder.by(life, { kind: 'rep.seal', ...deed, promised: formatToken(promisedBefore) })
  }

  #write(life: Life, request: WriteRequest, { outcome }: WriteResponse): void {
    if (outcome?.$case === 'refusal') this.#refused(life, request, outcome.value)
    if (outcome?.$case !== 'results') return
    const own = formatToken(fromWireToken(outcome.value.token))
    this.#check(life, request.shardId, own, 'write-l', 'region', 0)
    for (const item of outcome.value.items) {
      if (item.code === '') this.#served(life, request, own, 'write-l', item.index, item.duplicate)
    }
  }

  #read(life: Life, request: ReadRequest, { outcome }: ReadResponse): void {
    if (outcome?.$case === 'refusal') this.#refused(life, request, outcome.value)
    if (outcome?.$case !== 'results') return
    const own = formatToken(fromWireToken(outcome.value.token))
    if (request.mode === 'stale') return
    const lease = request.mode === 'lease'
    if (lease) {
      this.counts.leaseReads += 1
      this.#check(life, request.shardId, own, 'read-lease', 'node', GUARD_MS)
      this.#check(life, request.shardId, own, 'read-lease', 'region', GUARD_MS)
    }
    this.#served(life, request, own, lease ? 'read-lease' : 'read-quorum', outcome.value.index)
  }

  #served(
    life: Life,
    request: Pick<WriteRequest, 'shardId' | 'token'>,
    own: string,
    mode: ServeMode,
    index: bigint,
    duplicate = false,
  ): void {
    this.counts.served += 1
    const { name: node, region } = life.process
    const written = mode === 'write-l' || mode === 'write-q' ? index : undefined
    this.#sources.moves.serves(life, request.shardId, rangeOfShard(request.shardId), own, written)
    this.#recorder.by(life, {
      kind: 'node.serve',
      node,
      nodeEpoch: this.#epochOf(node),
      region,
      shard: request.shardId,
      range: rangeOfShard(request.shardId),
      token: formatToken(fromWireToken(request.token)),
      own,
      mode,
      idx: String(index),
      ...(duplicate && { duplicate }),
    })
  }

  #refused(life: Life, request: Pick<WriteRequest, 'shardId' | 'token'>, refusal: Refusal): void {
    if (refusal.code !== 'TOKEN_MISMATCH') return
    this.counts.refused += 1
    const own = refusal.newest?.token
    this.#recorder.by(life, {
      kind: 'node.refuse',
      node: life.process.name,
      shard: request.shardId,
      token: formatToken(fromWireToken(request.token)),
      own: own === undefined ? '' : formatToken(fromWireToken(own)),
    })
  }

  #check(life: Life, shard: string, token: string, mode: ServeMode, lease: 'node' | 'region', guardMs: number): void {
    const { name: node } = life.process
    const localMs = life.clock.nowMs()
    const range = rangeOfShard(shard)
    const status = this.#sources.node(node)?.status()
    const deadlineMs =
      lease === 'node'
        ? localMs + (status?.nodeLeaseMs ?? 0)
        : (this.#authority.get(life)?.get(`${range} ${generationOf(token)}`) ?? Number.NEGATIVE_INFINITY)
    const nodeEpoch = String(status?.nodeEpoch ?? 0n)
    const entry = { node, nodeEpoch, shard, token, mode, lease, range, localMs, deadlineMs, guardMs } as const
    this.#recorder.by(life, { kind: 'node.check', ...entry })
  }

  #seal(life: Life, request: SealRequest, response: SealResponse, before: Token): void {
    this.#deed(life, 'rep.seal', request, fromWireToken(response.promised), response.lastIndex, before)
  }

  #append(life: Life, request: AppendRequest, response: AppendResponse, before: Token): void {
    const idx = request.entries.at(-1)?.index ?? request.previousIndex
    this.#deed(life, 'rep.accept', request, fromWireToken(response.promised), idx, before)
  }

  #deed(
    life: Life,
    kind: 'rep.seal' | 'rep.accept',
    request: Pick<SealRequest, 'shardId' | 'token'>,
    answered: Token,
    index: bigint,
    before: Token,
  ): void {
    const replica = life.process.name
    const { shardId: shard } = request
    const token = fromWireToken(request.token)
    const accepted = compareTokens(answered, token) <= 0
    // An answer that claims a promise leaves only once the disk has it.
    const held = this.#promisedAt(replica, shard)
    // Accepted, and overtaken by a higher promise on the way to the disk: said of itself by the sync already.
    if (accepted && compareTokens(held, token) > 0 && compareTokens(before, token) <= 0) return
    // A refusal may have been overtaken likewise: what the disk has by now is what holds.
    const promised = formatToken(accepted || compareTokens(held, answered) > 0 ? held : answered)
    const deed = { replica, shard, token: formatToken(token), promised, idx: String(index) }
    this.#recorder.by(life, { kind: accepted ? kind : 'rep.refuse', ...deed })
  }

  #promisedAt(replica: string, shard: string): Token {
    return this.#sources.disk(replica)?.load(parseShardId(shard))?.promised ?? ZERO_TOKEN
  }

  #renewed(life: Life, request: RenewNodeRequest, response: RenewNodeResponse, sentLocalMs: number): void {
    const { history } = this.#sources.store(life.process.region).cluster
    const record = history.at(RENEWALS_KEY, response.revision as Revision)
    const count = record === undefined ? undefined : renewalsIn(record.value).get(request.nodeId)
    const nodeEpoch = String(request.nodeEpoch)
    this.#recorder.by(life, {
      kind: 'nl.ack',
      node: request.nodeId,
      nodeEpoch,
      counter: count?.nodeEpoch === nodeEpoch ? count.counter : '0',
      sentLocalMs,
      localMs: life.clock.nowMs(),
      leaseMs: response.leaseMs,
    })
  }

  #confirmed(life: Life, request: ConfirmRangesRequest, response: ConfirmRangesResponse, sentLocalMs: number): void {
    const authority = this.#authority.get(life) ?? new Map<string, number>()
    this.#authority.set(life, authority)
    const { region } = life.process
    const told = { node: request.nodeId, region, sentLocalMs, localMs: life.clock.nowMs() }
    // What was bought or promised for a range lasts longer than the region's lease.
    const longest = ({ remainingMs }: { readonly remainingMs: number }): number =>
      Math.max(remainingMs, response.remainingMs)
    const ranges = ({ rangeId, generation }: { readonly rangeId: number; readonly generation: bigint }) => ({
      range: rangeId,
      gen: String(generation),
    })
    const spans = Map.groupBy(response.confirmed, longest)
    if (spans.size === 0) spans.set(response.remainingMs, [])
    for (const [remainingMs, confirmed] of spans) {
      for (const { rangeId, generation } of confirmed) {
        const name = `${rangeId} ${generation}`
        authority.set(name, Math.max(authority.get(name) ?? 0, sentLocalMs + remainingMs))
      }
      this.#recorder.by(life, { kind: 'rl.confirm', ...told, remainingMs, ranges: confirmed.map(ranges) })
    }
  }

  #epochOf(node: string): string {
    return String(this.#sources.node(node)?.status().nodeEpoch ?? 0n)
  }
}

const generationOf = (token: string): string => token.slice(1, token.indexOf('.'))
