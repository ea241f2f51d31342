import { silentLogger } from '@meridian/loop'
import { NodeServiceDefinition } from '@meridian/protocol'
import type { ShardRecord, WatchAssignmentsResponse } from '@meridian/protocol'
import { implement, serve } from '@meridian/rpc'
import type { RpcServer } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'

interface KnownNode {
  epoch: bigint
  address: string
  attempt: string
  stale: boolean
}

/** A region server in memory, for tests of the node: what it answers is set by hand. Test only. */
export class TestRegion implements AsyncDisposable {
  readonly #nodes = new Map<string, KnownNode>()
  readonly #shards = new Map<string, ShardRecord>()
  readonly #watchers = new Map<(message: WatchAssignmentsResponse) => void, string>()
  #server: RpcServer | undefined
  #revision = 1n
  leaseMs = 6_000
  regionLeaseMs = 9_000
  /** Registrations whose answer is lost after it was decided. */
  answersLost = 0
  appliedRevision = 0n

  async start(listen = '127.0.0.1:0'): Promise<this> {
    this.#server = await serve({ listen, log: silentLogger, drainMs: 50, services: [this.#service()] })
    return this
  }

  get address(): string {
    return this.#server?.address ?? ''
  }

  epochOf(node: string): bigint {
    return this.#nodes.get(node)?.epoch ?? 0n
  }

  addressOf(node: string): string {
    return this.#nodes.get(node)?.address ?? ''
  }

  /** The node is given up: its epoch is dead, and it must register anew. */
  condemn(node: string): void {
    const known = this.#nodes.get(node)
    if (known !== undefined) known.stale = true
  }

  /**
   * Names a leader under the given token, in its present life, and tells everybody.
   *
   * @param leader empty for a region that only follows
   */
  assign(
    shardId: string,
    generation: bigint,
    epoch: bigint,
    leader: string,
    replicas: readonly string[],
    more: Partial<Pick<ShardRecord, 'freezeOperation' | 'learners'>> & { readonly prior?: readonly string[] } = {},
  ): ShardRecord {
    const places = (ids: readonly string[]) => ids.map((nodeId) => ({ nodeId, address: this.addressOf(nodeId) }))
    const record: ShardRecord = {
      shardId,
      rangeId: Number(shardId.split('.')[0]),
      keyspace: 'cities',
      start: Buffer.from('a'),
      end: Buffer.from('z'),
      token: { generation, epoch },
      region: 'eu-west',
      leader,
      leaderAddress: this.addressOf(leader),
      replicas: places(replicas),
      leaderNodeEpoch: this.epochOf(leader),
      role: leader === '' ? 'standby' : 'owner',
      freezeOperation: more.freezeOperation ?? '',
      learners: more.learners ?? [],
      prior: places(more.prior ?? []),
    }
    this.#shards.set(shardId, record)
    this.#tell({ complete: false, shards: [record], removed: [], revision: ++this.#revision })
    return record
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
  }

  #tell(message: WatchAssignmentsResponse): void {
    for (const tell of this.#watchers.keys()) tell(message)
  }

  #service() {
    const watchers = this.#watchers
    const everything = (): WatchAssignmentsResponse => ({
      complete: true,
      shards: [...this.#shards.values()],
      removed: [],
      revision: this.#revision,
    })
    return implement(NodeServiceDefinition, {
      registerNode: (request) => {
        const known = this.#nodes.get(request.nodeId)
        const repeated =
          known !== undefined && request.attempt !== '' && known.attempt === request.attempt && !known.stale
        if (!repeated && request.previousEpoch !== (known?.epoch ?? 0n)) {
          return Promise.reject(
            new MeridianError('NODE_ID_TAKEN', `presented ${request.previousEpoch}, last is ${known?.epoch ?? 0n}`),
          )
        }
        const epoch = repeated ? known.epoch : (known?.epoch ?? 0n) + 1n
        this.#nodes.set(request.nodeId, { epoch, address: request.address, attempt: request.attempt, stale: false })
        if (this.answersLost > 0) {
          this.answersLost -= 1
          return Promise.reject(new MeridianError('OUTCOME_UNKNOWN', 'the answer was lost'))
        }
        return Promise.resolve({ nodeEpoch: epoch })
      },
      renewNode: (request) => {
        const known = this.#nodes.get(request.nodeId)
        if (known === undefined || known.stale || known.epoch !== request.nodeEpoch) {
          return Promise.reject(
            new MeridianError('NODE_EPOCH_STALE', `the epoch of ${request.nodeId} is ${known?.epoch ?? 0n}`),
          )
        }
        this.appliedRevision = request.appliedRevision
        if (this.leaseMs === 0) return Promise.reject(new MeridianError('NOT_CONTROLLER', 'ask another server'))
        return Promise.resolve({ leaseMs: this.leaseMs, revision: ++this.#revision })
      },
      confirmRanges: (request) =>
        Promise.resolve({ remainingMs: this.regionLeaseMs, confirmed: this.regionLeaseMs === 0 ? [] : request.ranges }),
      watchAssignments: async function* (request, call) {
        const waiting: WatchAssignmentsResponse[] = [everything()]
        let wake = Promise.withResolvers<void>()
        const tell = (message: WatchAssignmentsResponse): void => {
          waiting.push(message)
          wake.resolve()
        }
        watchers.set(tell, request.nodeId)
        call.signal.addEventListener('abort', () => wake.resolve(), { once: true })
        try {
          while (!call.signal.aborted) {
            for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next
            await wake.promise
            wake = Promise.withResolvers<void>()
          }
        } finally {
          watchers.delete(tell)
        }
      },
    })
  }
}
