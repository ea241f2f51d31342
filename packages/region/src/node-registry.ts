import type { Store, StoreRecord } from '@meridian/store'
import {
  decodeNode,
  encodeNode,
  isMeridianError,
  MeridianError,
  nodeComplaint,
  nodeEpoch,
  nodeKey,
} from '@meridian/topology'
import type { NodeEpoch, NodeId, NodeRecord, RegionId, Revision, ZoneId } from '@meridian/topology'
import type { OrderingWriter } from './ordering-writer.ts'
import { RegionLimits } from './region-timing.ts'

export interface Registration {
  readonly nodeId: NodeId
  readonly zone: ZoneId
  /** `host:port` that clients and replicas dial. */
  readonly address: string
  readonly capacity: number
  /** The epoch stored with the node's log; 0 for a disk that never had one. */
  readonly previousEpoch: NodeEpoch
  /** Chosen by each start of the process, repeated by its retries; empty: every call is one of its own. */
  readonly attempt: string
}

export interface NodeRegistryOptions {
  readonly region: RegionId
  readonly store: Store
  readonly writer: OrderingWriter
}

export const ATTEMPT_CHARS_MAX = 64

/**
 * Hands out node epochs. Any server of the region may: the transaction compares the record it decided on.
 *
 * An epoch is handed out once (R2): a node whose disk went back in time, or was cloned, presents an epoch that is not
 * the last one, and is refused. That one process at a time opens a disk is the node's own duty; a new life surrenders
 * what the old one led.
 */
export class NodeRegistry {
  readonly #options: NodeRegistryOptions

  constructor(options: NodeRegistryOptions) {
    this.#options = options
  }

  /** @throws MeridianError NODE_ID_TAKEN, NODE_DECOMMISSIONED, INVALID_ARGUMENT, UNAVAILABLE, OUTCOME_UNKNOWN, CLOCK_OFFSET */
  async register(registration: Registration, signal: AbortSignal): Promise<NodeEpoch> {
    const { store, writer } = this.#options
    const { nodeId: id, attempt } = registration
    if (!/^[A-Za-z0-9._:-]{0,64}$/.test(attempt)) {
      throw new MeridianError(
        'INVALID_ARGUMENT',
        `an attempt has at most ${ATTEMPT_CHARS_MAX} of letters, digits, ._:-`,
      )
    }
    const key = nodeKey(id)
    const attemptsKey = attemptKey(id)
    for (let tries = 0; tries < RegionLimits.registerAttemptsMax; tries += 1) {
      const stored = await store.get(key, { signal })
      const last = await store.get(attemptsKey, { signal })
      const decided = decideRegistration(
        this.#options.region,
        registration,
        stored === undefined ? undefined : decodeNode(stored.value),
        last === undefined ? undefined : decodeAttempt(last),
      )
      if (decided.kind === 'repeated') return decided.nodeEpoch
      const { node } = decided
      const complaint = nodeComplaint(node)
      if (complaint !== undefined) throw new MeridianError('INVALID_ARGUMENT', `node ${id}: ${complaint}`)
      try {
        const outcome = await writer.commit(
          {
            guards: [
              { kind: 'mod-revision', key, equals: stored?.modRevision ?? (0n as Revision) },
              { kind: 'mod-revision', key: attemptsKey, equals: last?.modRevision ?? (0n as Revision) },
            ],
            operations: [
              { kind: 'put', key, value: encodeNode(node) },
              { kind: 'put', key: attemptsKey, value: Buffer.from(`${node.nodeEpoch} ${attempt}`) },
            ],
          },
          undefined,
          signal,
        )
        if (outcome.committed) return node.nodeEpoch
      } catch (error) {
        // With an attempt, the next look tells whether it was committed; without one, nobody could.
        if (!isMeridianError(error, 'OUTCOME_UNKNOWN') || attempt === '') throw error
      }
    }
    throw new MeridianError(
      'UNAVAILABLE',
      `The record of node ${id} changed under ${RegionLimits.registerAttemptsMax} registrations.`,
    )
  }
}

/** The last registration of a node: unpublished, because nobody but this file reads it. */
export const attemptKey = (id: NodeId): string => `/attempt/${id}`

export interface RegistrationAttempt {
  readonly nodeEpoch: NodeEpoch
  readonly attempt: string
}

export type RegistrationDecision =
  | { readonly kind: 'registered'; readonly node: NodeRecord }
  /** The very same start of the process asked before, and its answer was lost. */
  | { readonly kind: 'repeated'; readonly nodeEpoch: NodeEpoch }

/** Pure part of a registration. @throws MeridianError NODE_ID_TAKEN, NODE_DECOMMISSIONED */
export function decideRegistration(
  region: RegionId,
  { nodeId: id, zone, address, capacity, previousEpoch, attempt }: Registration,
  known: NodeRecord | undefined,
  last: RegistrationAttempt | undefined,
): RegistrationDecision {
  if (known?.duty === 'decommissioned')
    throw new MeridianError('NODE_DECOMMISSIONED', `Node ${id} was decommissioned; its id is not given out again.`)
  if (attempt !== '' && known?.status === 'up' && last?.attempt === attempt && last.nodeEpoch === known.nodeEpoch) {
    return { kind: 'repeated', nodeEpoch: known.nodeEpoch }
  }
  const handedOut = lastHandedOut(known)
  if (previousEpoch !== handedOut) {
    throw new MeridianError(
      'NODE_ID_TAKEN',
      `Node ${id} presents epoch ${previousEpoch}, and the last one handed out is ${handedOut}.`,
      { details: { presented: String(previousEpoch), last: String(handedOut) } },
    )
  }
  const next = nodeEpoch((known?.nodeEpoch ?? 0n) + 1n)
  const duty = known?.duty ?? 'serving'
  return {
    kind: 'registered',
    node: { nodeId: id, region, zone, address, capacity, nodeEpoch: next, status: 'up', duty },
  }
}

/** Giving a node up raises its epoch once without handing it out. */
function lastHandedOut(known: NodeRecord | undefined): bigint {
  if (known === undefined) return 0n
  return known.status === 'up' ? known.nodeEpoch : known.nodeEpoch - 1n
}

function decodeAttempt(record: StoreRecord): RegistrationAttempt {
  const match = /^([0-9]{1,19}) ([A-Za-z0-9._:-]{0,64})$/.exec(Buffer.from(record.value).toString())
  const [, life, attempt] = match ?? []
  if (life === undefined || attempt === undefined) throw new Error(`stored record ${record.key} does not decode`)
  return { nodeEpoch: nodeEpoch(BigInt(life)), attempt }
}
