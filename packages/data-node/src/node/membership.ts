import { backoffMs, LoopScope } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import type { WatchAssignmentsResponse } from '@meridian/protocol'
import { generation, isMeridianError, MeridianError, nodeEpoch, rangeId } from '@meridian/topology'
import type { NodeEpoch, NodeId, ZoneId } from '@meridian/topology'
import type { ClockGuardLoop } from '@meridian/hlc'
import type { LeaseClock, RangeGeneration, RegionLeases } from '../fence/lease-clock.ts'
import type { NodeIdentity } from '../storage/node-storage.ts'
import { Bell } from './bell.ts'
import type { LagMeter } from './lag-meter.ts'
import { NODE_LIMITS } from './node-config.ts'
import type { RegionApi } from './region-api.ts'

export interface MembershipOptions {
  readonly nodeId: NodeId
  readonly zone: ZoneId
  /** `host:port` that clients and replicas dial. */
  readonly address: string
  readonly capacity: number
  readonly api: () => RegionApi
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  /** A name for one registration that is unlike every other. */
  readonly newAttempt: () => string
  readonly lag: LagMeter
  readonly identity: () => NodeIdentity
  readonly storeIdentity: (identity: NodeIdentity) => Promise<void>
  /** A write of no meaning; resolves when it is durable. */
  readonly probe: () => Promise<void>
  readonly nodeLease: LeaseClock
  readonly regionLeases: RegionLeases
  readonly guard: Pick<ClockGuardLoop, 'jumps' | 'cleared'>
  /** (range, generation) of everything this node leads. */
  readonly ledPairs: () => RangeGeneration[]
  /** A life has begun: its node epoch is durable. */
  readonly onLife: (epoch: NodeEpoch) => void
  /** The life is over: lead nothing any more. */
  readonly onLifeLost: () => void
  /** Applies one message of assignments, in full, before it returns. */
  /** Acts on the message; true when a shard was led before and no longer is. */
  readonly onAssignments: (message: Assignments) => boolean
}

/** A whole answer of the watch: everything, or a change. */
export interface Assignments {
  readonly complete: boolean
  readonly shards: WatchAssignmentsResponse['shards']
  readonly removed: readonly string[]
}

/** A complete set in pieces is collected up to this many shards. */
const PENDING_SHARDS_MAX = 65_536

/**
 * The node as its region knows it: registers, renews its lease, has the region's authority confirmed, follows its
 * assignments. One life after the other: when the region says that the epoch is stale, everything led is given up
 * first and then a new epoch asked for.
 */
export class Membership {
  readonly #options: MembershipOptions
  readonly #confirmBell: Bell
  readonly #renewBell: Bell
  #appliedRevision = 0n

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#confirmBell = new Bell(options.clock)
    this.#renewBell = new Bell(options.clock)
  }

  /** The clocks disagreed, and every lease was dropped: ask for them again, by what is sent from now on. */
  clockJumped(): void {
    this.#renewBell.ring()
    this.#confirmBell.ring()
  }

  /** Something new is led: have its authority confirmed now and not at the next turn. */
  askForAuthority(): void {
    this.#confirmBell.ring()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, onLife, onLifeLost, nodeLease, regionLeases } = this.#options
    for (;;) {
      const epoch = await this.#register(signal)
      log.info({ nodeEpoch: epoch }, 'node registered')
      onLife(epoch)
      const over = Promise.withResolvers<void>()
      const failed = (_loop: string, error: unknown): void => over.reject(error)
      const life = new LoopScope(log, failed)
      const stop = (): void => over.resolve()
      signal.addEventListener('abort', stop, { once: true })
      try {
        life.start('renew', (inner) => this.#renew(epoch, inner, () => over.resolve()))
        life.start('confirm', (inner) => this.#confirm(inner))
        life.start('watch', (inner) => this.#watch(inner))
        await over.promise
      } finally {
        signal.removeEventListener('abort', stop)
        nodeLease.drop()
        regionLeases.drop()
        onLifeLost()
        await life[Symbol.asyncDispose]()
      }
      signal.throwIfAborted()
      log.warn({ nodeEpoch: epoch }, 'node epoch lost')
    }
  }

  /** The epoch of a new life, durable. */
  async #register(signal: AbortSignal): Promise<NodeEpoch> {
    const { nodeId, zone, address, capacity, log, clock } = this.#options
    const api = this.#options.api()
    let identity = this.#options.identity()
    if (identity.attempt === '') {
      // Stored first: should this process die between the answer and its storing, the next one repeats the attempt and
      // gets the same epoch, instead of presenting one that is not the last handed out.
      identity = { nodeEpoch: identity.nodeEpoch, attempt: this.#options.newAttempt() }
      await this.#options.storeIdentity(identity)
    }
    const { attempt } = identity
    for (let failures = 0; ; failures++) {
      try {
        const request = { nodeId, zone, address, capacity, previousEpoch: identity.nodeEpoch, attempt }
        const answer = await api.ask((client) =>
          client.registerNode(request, { timeoutMs: NODE_LIMITS.regionCallMs, signal }),
        )
        const epoch = nodeEpoch(answer.nodeEpoch)
        if (epoch <= identity.nodeEpoch)
          throw new MeridianError('INTERNAL', `the region handed out epoch ${epoch} after ${identity.nodeEpoch}`)
        await this.#options.storeIdentity({ nodeEpoch: epoch, attempt: '' })
        return epoch
      } catch (error) {
        signal.throwIfAborted()
        if (isMeridianError(error, 'NODE_ID_TAKEN') || isMeridianError(error, 'NODE_EPOCH_STALE')) {
          log.error(
            { err: error, nodeEpoch: identity.nodeEpoch },
            "node refused: its disk went back in time, was cloned, or is not this node id's",
          )
          await clock.sleep(NODE_LIMITS.registerRefusedDelayMs, signal)
        } else {
          log.warn({ err: error }, 'node not registered yet')
          await this.#backOff(failures, signal)
        }
      }
    }
  }

  async #renew(epoch: NodeEpoch, signal: AbortSignal, stale: () => void): Promise<void> {
    const { nodeId, clock, log, lag, probe, nodeLease, random, guard } = this.#options
    const api = this.#options.api()
    // Every second renewal at least is waited for, however often shards are lost.
    let mayCut = true
    for (let failures = 0; ;) {
      const begunMs = clock.nowMs()
      await probe()
      const probedMs = clock.nowMs() - begunMs
      const lagMs = lag.lagMs(clock.nowMs())
      if (probedMs > NODE_LIMITS.probeMsMax || lagMs > NODE_LIMITS.loopLagMsMax) {
        log.warn({ probedMs, lagMs }, 'lease not renewed: the node hardly works')
        await clock.sleep(NODE_LIMITS.retryDelayMsMin, signal)
        continue
      }
      try {
        // A renewal waits for the next commit of its region; one that has become old news is not worth waiting for.
        const answered = await this.#renewBell.during(signal, (cut) =>
          api.ask(async (client) => {
            // Sampled per attempt and before sending: the lease runs from here.
            const sentMs = clock.nowMs()
            const { jumps } = guard
            const request = { nodeId, nodeEpoch: epoch, appliedRevision: this.#appliedRevision }
            const { leaseMs } = await client.renewNode(request, {
              timeoutMs: NODE_LIMITS.regionCallMs,
              signal: mayCut ? cut : signal,
            })
            return { sentMs, leaseMs, jumps }
          }),
        )
        signal.throwIfAborted()
        mayCut = answered !== undefined
        if (answered === undefined) continue
        // Asked for before the clocks jumped: counted on a clock that proved wrong, it grants nothing.
        if (answered.jumps !== guard.jumps) continue
        nodeLease.granted(answered.sentMs, answered.leaseMs)
        guard.cleared(answered.jumps)
        failures = 0
        const everyMs = Math.min(NODE_LIMITS.renewEveryMs, answered.leaseMs / NODE_LIMITS.renewalsPerLease)
        await this.#renewBell.wait(everyMs * (0.8 + 0.4 * random()), signal)
      } catch (error) {
        signal.throwIfAborted()
        if (isMeridianError(error, 'NODE_EPOCH_STALE') || isMeridianError(error, 'NODE_UNKNOWN')) {
          stale()
          return
        }
        log.warn({ err: error }, 'lease not renewed')
        await this.#backOff(failures++, signal)
      }
    }
  }

  async #confirm(signal: AbortSignal): Promise<void> {
    const { nodeId, clock, log, regionLeases, ledPairs, guard } = this.#options
    const api = this.#options.api()
    for (let failures = 0; ;) {
      const pairs = ledPairs().slice(0, NODE_LIMITS.confirmPairsMax)
      let lacks = false
      if (pairs.length > 0) {
        try {
          const ranges = pairs.map((pair) => ({ rangeId: pair.rangeId, generation: pair.generation, remainingMs: 0 }))
          await api.ask(async (client) => {
            const sentMs = clock.nowMs()
            const { jumps } = guard
            const answer = await client.confirmRanges(
              { nodeId, ranges },
              { timeoutMs: NODE_LIMITS.regionCallMs, signal },
            )
            signal.throwIfAborted()
            const confirmed = answer.confirmed.map((pair) => ({
              rangeId: rangeId(pair.rangeId),
              generation: generation(pair.generation),
              remainingMs: pair.remainingMs,
            }))
            if (jumps === guard.jumps) regionLeases.confirmed(sentMs, answer.remainingMs, confirmed)
          })
          failures = 0
          const nowMs = clock.nowMs()
          lacks = ledPairs().some((pair) => !regionLeases.check(pair, nowMs))
        } catch (error) {
          signal.throwIfAborted()
          log.warn({ err: error }, "region's authority not confirmed")
          await this.#backOff(failures++, signal)
          continue
        }
      }
      await this.#confirmBell.wait(lacks ? NODE_LIMITS.confirmRetryMs : NODE_LIMITS.confirmEveryMs, signal)
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { nodeId, log } = this.#options
    const api = this.#options.api()
    for (let failures = 0; ;) {
      try {
        await this.#follow(api.client.watchAssignments({ nodeId }, { signal }), () => {
          failures = 0
        })
        throw new MeridianError('UNAVAILABLE', 'the stream of assignments ended')
      } catch (error) {
        signal.throwIfAborted()
        log.warn({ err: error, server: api.address }, 'assignments interrupted')
        api.next()
        await this.#backOff(failures++, signal)
      }
    }
  }

  async #follow(stream: AsyncIterable<WatchAssignmentsResponse>, heard: () => void): Promise<void> {
    let pending: { complete: boolean; shards: WatchAssignmentsResponse['shards']; removed: string[] } | undefined
    for await (const message of stream) {
      pending ??= { complete: message.complete, shards: [], removed: [] }
      pending.shards.push(...message.shards)
      pending.removed.push(...message.removed)
      if (pending.shards.length > PENDING_SHARDS_MAX)
        throw new MeridianError('INTERNAL', 'the region assigns more shards than a node can hold')
      // Pieces of one revision carry zero until the last: only then is the set whole.
      if (message.revision === 0n) continue
      if (message.revision < this.#appliedRevision) {
        throw new MeridianError(
          'UNAVAILABLE',
          `this server is behind: at ${message.revision}, applied is ${this.#appliedRevision}`,
        )
      }
      const gaveUp = this.#options.onAssignments(pending)
      this.#appliedRevision = message.revision
      // A hand-over waits for the old leader to say that it has stopped, and it says so with its next renewal.
      if (gaveUp) this.#renewBell.ring()
      pending = undefined
      heard()
    }
  }

  #backOff(failures: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options
    const policy = { delayMsMin: NODE_LIMITS.retryDelayMsMin, delayMsMax: NODE_LIMITS.retryDelayMsMax }
    return clock.sleep(backoffMs(policy, failures, random), signal)
  }
}
