import fc from 'fast-check'
import type { HistoryEvent } from '../../history/event.ts'
import { Timeline } from './timeline.ts'

/** What happens next; times in ticks. */
const STEP = fc.record({
  what: fc.constantFrom('write', 'write', 'write', 'read', 'read', 'lease-read', 'stale', 'failover'),
  client: fc.integer({ min: 0, max: 3 }),
  key: fc.integer({ min: 0, max: 2 }),
  think: fc.integer({ min: 1, max: 9 }),
  before: fc.integer({ min: 1, max: 9 }),
  after: fc.integer({ min: 1, max: 9 }),
  fate: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ok', 'repeated', 'lost-answer', 'lost-request', 'refused'),
})
type Step = typeof STEP extends fc.Arbitrary<infer T> ? T : never

const REPLICAS = ['n0', 'n1', 'n2'] as const
const SHARD = '1.0'
const TICK_NS = 1_000_000

interface Entry {
  readonly token: string
  readonly client: string
  readonly cseq: string
  readonly key: string
  readonly value: string
  readonly applied: boolean
}

/** One shard whose leaders, replicas and clients do everything right, and tell all of it. */
class ShardWorld {
  readonly #timeline = new Timeline()
  readonly #log: Entry[] = []
  readonly #held = new Map<string, string>()
  readonly #promised = new Map<string, string>(REPLICAS.map((replica) => [replica, 'g0.e0']))
  readonly #lastSeq = new Map<string, number>()
  #epoch = 0
  #rev = 1

  constructor() {
    this.#lead(0)
  }

  get #token(): string {
    return `g1.e${this.#epoch}`
  }

  get #leader(): string {
    return REPLICAS[this.#epoch % REPLICAS.length] ?? 'n0'
  }

  #tell(tick: number, proc: string, entry: Parameters<Timeline['at']>[2]): void {
    this.#timeline.at(tick * TICK_NS, proc, entry)
  }

  /** The next replica is named, seals with one more, and commits a barrier; the one before tries once more, in vain. */
  #lead(tick: number): void {
    const before = this.#epoch === 0 ? undefined : { leader: this.#leader, token: this.#token }
    this.#epoch += 1
    this.#rev += 2
    const [token, leader] = [this.#token, this.#leader]
    this.#tell(tick, 'witness', {
      kind: 'e.commit',
      region: 'eu',
      inc: '1',
      rev: String(this.#rev),
      shard: SHARD,
      range: 1,
      gen: '1',
      epoch: String(this.#epoch),
      leader,
      leaderNodeEpoch: '1',
      replicas: REPLICAS,
      status: 'assigned',
      stamp: '',
    })
    for (const replica of this.#quorum()) this.#replica(tick, 'rep.seal', replica, token)
    if (before !== undefined) {
      const sealed = this.#quorum().find((replica) => replica !== before.leader) ?? leader
      this.#replica(tick, 'rep.refuse', sealed, before.token)
    }
    this.#append(tick, { token, client: '', cseq: '', key: '', value: '', applied: true })
  }

  #quorum(): string[] {
    const [a, b] = [this.#epoch % REPLICAS.length, (this.#epoch + 1) % REPLICAS.length]
    return REPLICAS.filter((_, i) => i === a || i === b)
  }

  #replica(tick: number, kind: 'rep.seal' | 'rep.accept' | 'rep.refuse', replica: string, token: string): void {
    const promised = this.#promised.get(replica) ?? 'g0.e0'
    this.#tell(tick, replica, { kind, replica, shard: SHARD, token, promised, idx: String(this.#log.length) })
    if (kind !== 'rep.refuse') this.#promised.set(replica, token)
  }

  #append(tick: number, entry: Entry): number {
    this.#log.push(entry)
    for (const replica of this.#quorum()) this.#replica(tick, 'rep.accept', replica, entry.token)
    if (entry.client !== '' && entry.applied) this.#held.set(entry.key, entry.value)
    return this.#log.length
  }

  step(at: number, step: Step): void {
    const called = at - step.before
    if (step.what === 'failover') this.#lead(at)
    else if (step.what === 'write') this.#write(called, at, step)
    else if (step.what === 'stale') this.#refuse(at, 'g1.e0')
    else this.#read(called, at, step)
  }

  #name({ client }: Step): { client: string; cseq: string } {
    const name = `c${client}`
    const seq = (this.#lastSeq.get(name) ?? 0) + 1
    this.#lastSeq.set(name, seq)
    return { client: name, cseq: String(seq) }
  }

  #write(called: number, at: number, step: Step): void {
    const name = this.#name(step)
    const [key, value] = [`cities/k${step.key}`, `=${name.client}.${name.cseq}`]
    const blank = { tier: 'data', shard: SHARD, key, f: 'write', mode: '', value, expected: '', op: '' } as const
    this.#tell(called, name.client, { kind: 'req.inv', ...name, ...blank })
    const { fate } = step
    if (fate === 'refused') {
      this.#refuse(at, 'g1.e0')
      this.#tell(at + step.after, name.client, { kind: 'req.fail', ...name, code: 'TOKEN_MISMATCH' })
      return
    }
    const lost = fate === 'lost-answer' || fate === 'lost-request'
    if (lost) this.#tell(at + step.after, name.client, { kind: 'req.info', ...name, code: 'OUTCOME_UNKNOWN' })
    if (fate === 'lost-request') return
    const entry = { token: this.#token, ...name, key, value, applied: true }
    const idx = this.#append(at, entry)
    if (fate === 'repeated') this.#append(at, { ...entry, applied: false })
    if (lost) return
    this.#serve(at, 'write-q', idx)
    const answer = { value: '', idx: String(idx), token: this.#token, duplicate: fate === 'repeated' }
    this.#tell(at + step.after, name.client, { kind: 'req.ok', ...name, ...answer })
  }

  #read(called: number, at: number, step: Step): void {
    const name = this.#name(step)
    const key = `cities/k${step.key}`
    const mode = step.what === 'read' ? 'quorum' : 'lease'
    const blank = { tier: 'data', shard: SHARD, key, f: 'read', value: '', expected: '', op: '' } as const
    this.#tell(called, name.client, { kind: 'req.inv', ...name, ...blank, mode })
    if (mode === 'lease') {
      this.#tell(at, this.#leader, {
        kind: 'node.check',
        node: this.#leader,
        nodeEpoch: '1',
        shard: SHARD,
        token: this.#token,
        mode: 'read-lease',
        lease: 'node',
        range: 1,
        localMs: at,
        deadlineMs: at + 1000,
        guardMs: 100,
      })
    }
    this.#serve(at, mode === 'lease' ? 'read-lease' : 'read-quorum', this.#log.length)
    const answer = { idx: String(this.#log.length), token: this.#token, duplicate: false }
    this.#tell(at + step.after, name.client, { kind: 'req.ok', ...name, ...answer, value: this.#held.get(key) ?? '' })
  }

  #serve(at: number, mode: 'write-q' | 'read-quorum' | 'read-lease', idx: number): void {
    const own = this.#token
    const where = { node: this.#leader, nodeEpoch: '1', region: 'eu', shard: SHARD, range: 1 }
    this.#tell(at, this.#leader, { kind: 'node.serve', ...where, token: own, own, mode, idx: String(idx) })
  }

  #refuse(at: number, token: string): void {
    this.#tell(at, this.#leader, { kind: 'node.refuse', node: this.#leader, shard: SHARD, token, own: this.#token })
  }

  /** Everybody comes to rest, and the logs of two replicas are copied. */
  end(tick: number): HistoryEvent[] {
    for (const replica of ['n0', 'n1']) {
      for (const [i, entry] of this.#log.entries()) {
        this.#tell(tick, 'copier', { kind: 'log.entry', replica, shard: SHARD, idx: String(i + 1), ...entry })
      }
      const last = String(this.#log.length)
      const end = { first: '1', committed: last, last, entries: this.#log.length }
      this.#tell(tick, 'copier', { kind: 'log.end', replica, shard: SHARD, ...end })
    }
    const witness = { witness: 'eu', tier: 'eu', decodes: true, rows: 0, why: '' }
    this.#tell(-1, 'witness', { kind: 'witness', ...witness, phase: 'began', rev: '' })
    this.#tell(tick, 'witness', { kind: 'witness', ...witness, phase: 'ended', rev: String(this.#rev) })
    return this.#timeline.history()
  }
}

/** A history in which everything is right. Clients ask at once, one after the other each; what they ask takes effect in the order of time. */
export function play(steps: readonly Step[]): HistoryEvent[] {
  const world = new ShardWorld()
  const free = new Map<number, number>()
  const planned = steps.map((step, i) => {
    const at = (free.get(step.client) ?? 0) + step.think + step.before
    free.set(step.client, at + step.after)
    return { step, at, i }
  })
  planned.sort((a, b) => a.at - b.at || a.i - b.i)
  for (const { step, at } of planned) world.step(at, step)
  return world.end(Math.max(0, ...free.values()) + 1)
}

/** What to play. */
export const shardSteps = fc.array(STEP, { minLength: 10, maxLength: 60 })
