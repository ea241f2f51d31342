import type { MeridianClient, Mutated } from '@meridian/client'
import {
  encodeRange,
  isMeridianError,
  keyOfText,
  keyspaceName,
  operationId,
  rangeKey,
  regionId,
} from '@meridian/topology'
import type { OperationId, RangeDescriptor } from '@meridian/topology'
import { ERROR_TABLE } from '@meridian/protocol'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import { valueMark } from '../../history/value-mark.ts'
import type { Life } from '../kernel/process.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { SimRecorder } from '../record/sim-recorder.ts'
import { boundsOf, KEYSPACE } from '../world/plan.ts'
import type { Profile, RegionPlan } from '../world/plan.ts'

/** Ranges without data: split, merged and assigned all the time. */
const META = keyspaceName('meta')
const BOUNDS = ['b', 'd', 'f', 'h'] as const
const TIMEOUT_MS = 12_000
const SETUP_PAUSE_MS = 300
const ABORT_SHARE = 0.4
/** From before anything is frozen to after everything is decided. */
const ABORT_MS_MAX = 3000
/** To a region that does not follow the range yet. */
const AFAR_SHARE = 0.15

/** An operation that was asked for at `at` and not answered. */
interface Unanswered {
  readonly at: number
  /** Who asked has given up: nobody will be told. */
  isGivenUp: boolean
  /** Ranges in which others saw its effect before that. */
  readonly seen: RangeDescriptor[]
}

/** Of all operators. */
export type UnansweredOperations = Map<OperationId, Unanswered>

/** Who sets the world up and then changes its metadata: ranges of a keyspace without data, and leaders of shards. */
export class Operator {
  readonly counts = { done: 0, refused: 0, unknown: 0, handOvers: 0 }
  readonly #client: MeridianClient
  readonly #life: Life
  readonly #recorder: SimRecorder
  readonly #profile: Profile
  readonly #plans: readonly RegionPlan[]
  readonly #random: SimRandom
  readonly #unanswered: UnansweredOperations
  #requests = 0
  #stopped = false
  #running: Promise<void> | undefined
  #idle = true

  constructor(
    client: MeridianClient,
    life: Life,
    recorder: SimRecorder,
    profile: Profile,
    plans: readonly RegionPlan[],
    random: SimRandom,
    unanswered: UnansweredOperations,
  ) {
    this.#client = client
    this.#life = life
    this.#recorder = recorder
    this.#profile = profile
    this.#plans = plans
    this.#random = random
    this.#unanswered = unanswered
  }

  /** One range for each region, opened there with its shards; tries until it is done. */
  async setUp(): Promise<void> {
    const { control } = this.#client
    const regions = this.#plans.map(({ region }) => regionId(region))
    const [first] = regions
    if (first === undefined) throw new Error('assertion: a world without regions')
    const bounds = regions.map((_, at) => boundsOf(this.#profile, at))
    await this.#until('create', () => control.createKeyspace(operationId('create'), KEYSPACE, first, []))
    const starts = bounds.slice(1).map(({ start }) => start)
    await this.#until('split', () => control.split(operationId('split'), KEYSPACE, starts))
    const assignments = regions.map((owner, at) => ({
      start: bounds[at]?.start ?? keyOfText(''),
      owner,
      standbys: [...regions.slice(at + 1), ...regions.slice(0, at)].slice(0, this.#profile.standbys),
    }))
    await this.#until('assign', () => control.assign(operationId('assign'), KEYSPACE, assignments))
    for (const [at, { start, shards }] of bounds.entries()) {
      const opening = [{ start, shardBounds: shards }]
      await this.#until('open', () => control.open(operationId(`open${at}`), KEYSPACE, opening))
    }
    const create = operationId('create-meta')
    const at = this.#recorder.nowNs()
    await this.#until('create meta', async () => {
      const { ranges, revision } = await control.createKeyspace(create, META, first, [])
      for (const range of ranges) this.#wrote(range, revision, at, create)
    })
    await this.#until('leaders', () => {
      const keys = bounds.flatMap(({ start, shards }) => [start, ...shards])
      if (keys.every((key) => this.#client.router.route(KEYSPACE, key).ok)) return Promise.resolve()
      return Promise.reject(new Error('not all shards have leaders yet'))
    })
  }

  start(): void {
    this.#idle = false
    this.#running = this.#work().finally(() => {
      this.#idle = true
    })
    void this.#running
  }

  stop(): void {
    this.#stopped = true
  }

  get idle(): boolean {
    return this.#idle
  }

  async #until(what: string, attempt: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await attempt()
        return
      } catch (error) {
        if (!(error instanceof Error)) throw new Error(`assertion: ${what} failed strangely`, { cause: error })
        await this.#life.clock.sleep(SETUP_PAUSE_MS)
      }
    }
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      await this.#life.clock.sleep(this.#random.between(0.3, 1.7) * this.#profile.operatorPauseMs)
      if (this.#stopped) return
      if (this.#random.chance(this.#profile.transferShare)) {
        await this.#transfer()
        continue
      }
      const draw = this.#random.next()
      if (draw < 0.35) await this.#handOver()
      else if (draw < 0.5) await this.#list()
      else await this.#mutate()
    }
  }

  async #handOver(): Promise<void> {
    const plan = this.#random.int(this.#plans.length)
    const { start, shards } = boundsOf(this.#profile, plan)
    const key = this.#random.pick([start, ...shards])
    const route = this.#client.router.route(KEYSPACE, key)
    if (!route.ok) return
    const { shardId, region } = route.route
    try {
      const operation = this.#operation()
      await this.#client.control.handOver(operation, shardId, undefined, region, { timeoutMs: TIMEOUT_MS })
      this.counts.handOvers += 1
    } catch (error) {
      this.#refused(error)
    }
  }

  /** Begins a transfer, and gives some of them up again. */
  async #transfer(): Promise<void> {
    const at = this.#random.int(this.#plans.length)
    const { start: key } = boundsOf(this.#profile, at)
    const options = { timeoutMs: TIMEOUT_MS }
    const afar = this.#random.chance(AFAR_SHARE)
    const gaveUpMs = this.#random.chance(ABORT_SHARE) ? this.#random.between(0, ABORT_MS_MAX) : undefined
    try {
      const range = await this.#client.control.lookup(KEYSPACE, key, true, options)
      const others = this.#plans.map(({ region }) => regionId(region)).filter((region) => region !== range.owner)
      const target = this.#random.pick(afar || range.standbys.length === 0 ? others : range.standbys)
      const operation = this.#operation()
      await this.#client.operations.transfer(operation, { keyspace: KEYSPACE, key, target, reason: 'sim' }, options)
      if (gaveUpMs === undefined) return
      await this.#life.clock.sleep(gaveUpMs)
      await this.#client.operations.abort(operation, 'sim', options)
    } catch (error) {
      this.#refused(error)
    }
  }

  async #list(): Promise<void> {
    const at = this.#recorder.nowNs()
    try {
      const { ranges, revision } = await this.#client.control.list(META, false, { timeoutMs: TIMEOUT_MS })
      for (const range of ranges) this.#read(range, revision, at)
    } catch (error) {
      this.#refused(error)
    }
  }

  async #mutate(): Promise<void> {
    const { control } = this.#client
    const operation = this.#operation()
    const key = keyOfText(this.#random.pick(BOUNDS))
    const regions = this.#plans.map(({ region }) => regionId(region))
    const options = { timeoutMs: TIMEOUT_MS }
    const change = this.#random.pick([
      () => control.split(operation, META, [key], [], options),
      () => control.merge(operation, META, key, [], options),
      () => {
        const start = this.#random.chance(0.5) ? key : keyOfText('')
        return control.assign(
          operation,
          META,
          [{ start, owner: this.#random.pick(regions), standbys: [] }],
          [],
          options,
        )
      },
    ])
    await this.#ask(operation, change)
  }

  /** Asks once, and once more under the same operation if nobody knows what came of it. */
  async #ask(operation: OperationId, change: () => Promise<Mutated>): Promise<void> {
    const at = this.#recorder.nowNs()
    const unanswered: Unanswered = { at, isGivenUp: false, seen: [] }
    this.#unanswered.set(operation, unanswered)
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        const { ranges, revision } = await change()
        this.#unanswered.delete(operation)
        this.counts.done += 1
        for (const range of ranges) this.#wrote(range, revision, at, operation)
        return
      } catch (error) {
        if (!isMeridianError(error)) throw error
        // Refused for good at the first attempt: surely without effect.
        if (attempt === 0 && ERROR_TABLE[error.code].retry === 'give-up') {
          this.#unanswered.delete(operation)
          this.counts.refused += 1
          return
        }
        this.counts.unknown += 1
      }
    }
    unanswered.isGivenUp = true
    for (const range of unanswered.seen) this.#mayHaveWritten(range, at)
  }

  #wrote(range: RangeDescriptor, revision: bigint, at: number, op: OperationId): void {
    const request = this.#request(range, at, 'write', op)
    const none = { value: '', token: '', duplicate: false }
    this.#recorder.by(this.#life, { kind: 'req.ok', ...request, idx: String(revision), ...none })
  }

  #read(range: RangeDescriptor, revision: bigint, at: number): void {
    // An operation of unknown outcome shows itself; what it had to write is known only now.
    const asked = this.#unanswered.get(range.operation)
    if (asked?.isGivenUp === true) this.#mayHaveWritten(range, asked.at)
    else asked?.seen.push(range)
    const request = this.#request(range, at, 'read', '')
    const answer = { value: valueMark(encodeRange(range)), token: '', duplicate: false }
    this.#recorder.by(this.#life, { kind: 'req.ok', ...request, idx: String(revision), ...answer })
  }

  #mayHaveWritten(range: RangeDescriptor, at: number): void {
    const unknown = this.#request(range, at, 'write', range.operation)
    this.#recorder.by(this.#life, { kind: 'req.info', ...unknown, code: 'OUTCOME_UNKNOWN' })
  }

  #request(range: RangeDescriptor, at: number, f: 'read' | 'write', op: string) {
    const request = { client: `${this.#life.process.name}.operator`, cseq: String(++this.#requests) }
    const value = f === 'read' ? '' : valueMark(encodeRange(range))
    const key = rangeKey(range.keyspace, range.start)
    const call = { tier: 'meta', shard: GLOBAL_TIER, key, mode: '', expected: '' } as const
    this.#recorder.by(this.#life, { kind: 'req.inv', ...request, ...call, f, value, op }, at)
    return request
  }

  #refused(error: unknown): void {
    if (!isMeridianError(error)) throw error
    this.counts.refused += 1
  }

  #operation(): OperationId {
    return operationId(`op-${this.#life.process.name}-${++this.#requests}`)
  }
}
