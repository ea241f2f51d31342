import type { NodeId, Token } from '@meridian/topology'
import { keyOfText, ZERO_TOKEN } from '@meridian/topology'
import type { WriteItem } from '../replica/log-entry.ts'
import type { EventQueue } from './event-queue.ts'
import type { HistoryItem, Operation, WriteOperation } from './history.ts'
import type { ClientAnswer, ClientRequest } from './sim-door.ts'

export interface SimRoute {
  readonly node: NodeId
  readonly token: Token
}

export interface SimClientOptions {
  readonly session: string
  readonly queue: EventQueue
  readonly random: { next(): number; int(n: number): number }
  /** Where to try: mostly the newest record, at times an old one or a wrong node. */
  readonly route: () => SimRoute
  readonly carry: (to: NodeId, request: ClientRequest, answered: (answer: ClientAnswer) => void) => void
  /** Longest pause between two operations. */
  readonly pauseMsMax: number
  /** How long one attempt waits for its answer. */
  readonly timeoutMs: () => number
  /** Share of the reads that go by the lease. */
  readonly leaseReads: number
  /** Share of the operations that are stale reads of any node. */
  readonly staleReads: number
  readonly anyNode: () => NodeId
  readonly record: (operation: Operation) => void
}

const ATTEMPTS_MAX = 8
const KEYS = 4

/** One session: one operation at a time, retried under the same sequences until answered or given up as unknown. */
export class SimClient {
  readonly #options: SimClientOptions
  #sequence = 0n
  #stopped = false
  refusals = 0
  acknowledged = 0
  reads = 0
  leaseReads = 0
  staleReads = 0

  constructor(options: SimClientOptions) {
    this.#options = options
    this.#next()
  }

  stop(): void {
    this.#stopped = true
  }

  #next(): void {
    const { queue, random } = this.#options
    queue.after(random.next() * this.#options.pauseMsMax, () => {
      if (this.#stopped) return
      const { staleReads } = this.#options
      if (staleReads > 0 && random.next() < staleReads) this.#readStale()
      else if (random.next() < 0.6) this.#write()
      else this.#read()
    })
  }

  #write(): void {
    const { queue, random, session } = this.#options
    const items: HistoryItem[] = []
    for (let count = 1 + random.int(3); count > 0; count--) {
      const sequence = ++this.#sequence
      const value = random.next() < 0.1 ? undefined : `${session}.${sequence}`
      items.push({ sequence, key: `k${random.int(KEYS)}`, value })
    }
    const wire: WriteItem[] = items.map((item) => ({
      sequence: item.sequence,
      key: keyOfText(item.key),
      value: item.value === undefined ? undefined : Buffer.from(item.value),
    }))
    const invokedMs = queue.nowMs
    let unknown = false
    const finish = (outcome: 'ok' | 'fail' | 'info', results: WriteOperation['results'], under?: Token): void => {
      const returnedMs = queue.nowMs
      this.#options.record({ kind: 'write', session, items, invokedMs, returnedMs, outcome, under, results })
      this.#next()
    }
    const attempt = (left: number): void => {
      if (left === 0) return finish(unknown ? 'info' : 'fail', [])
      const request = (token: Token): ClientRequest => ({ kind: 'write', token, session, items: wire })
      this.#ask(request, (answer) => {
        if (answer?.kind === 'written' && answer.outcomes.every((outcome) => outcome.refusal === undefined)) {
          this.acknowledged += 1
          return finish('ok', answer.outcomes, answer.under)
        }
        if (answer?.kind === 'written') return finish('info', [])
        if (answer?.kind === 'refused') this.refusals += 1
        else unknown = true
        queue.after(10 + random.next() * 30, () => attempt(left - 1))
      })
    }
    attempt(1 + random.int(ATTEMPTS_MAX))
  }

  #read(): void {
    const { queue, random } = this.#options
    const key = `k${random.int(KEYS)}`
    const invokedMs = queue.nowMs
    const lease = random.next() < this.#options.leaseReads
    let under = ZERO_TOKEN
    this.#ask(
      (token) => {
        under = token
        return { kind: 'read', token, key: keyOfText(key), lease }
      },
      (answer) => {
        if (answer?.kind === 'value') {
          const value = answer.stored === undefined ? undefined : Buffer.from(answer.stored.value).toString()
          const valueIndex = answer.stored?.index ?? 0
          this.reads += 1
          if (lease) this.leaseReads += 1
          this.#options.record({
            kind: 'read',
            invokedMs,
            returnedMs: queue.nowMs,
            key,
            value,
            valueIndex,
            under,
            readIndex: answer.readIndex,
            readToken: answer.readToken,
          })
        }
        this.#next()
      },
    )
  }

  #readStale(): void {
    const { queue, random } = this.#options
    const key = `k${random.int(KEYS)}`
    const invokedMs = queue.nowMs
    const maxMs = 20 + random.next() * 300
    this.#ask(
      (token) => ({ kind: 'stale', token, key: keyOfText(key), maxMs }),
      (answer) => {
        if (answer?.kind === 'stale') {
          const { readIndex, readToken, atMs, boundMs, stored } = answer
          const value = stored === undefined ? undefined : Buffer.from(stored.value).toString()
          const asOfMs = atMs - boundMs
          this.staleReads += 1
          const valueIndex = stored?.index ?? 0
          this.#options.record({ kind: 'stale', invokedMs, asOfMs, key, value, valueIndex, readIndex, readToken })
        }
        this.#next()
      },
      this.#options.anyNode(),
    )
  }

  /** One attempt; undefined when nothing came back in time. */
  #ask(
    request: (token: Token) => ClientRequest,
    done: (answer: ClientAnswer | undefined) => void,
    node?: NodeId,
  ): void {
    const route = this.#options.route()
    let open = true
    const close = (answer: ClientAnswer | undefined): void => {
      if (!open) return
      open = false
      done(answer)
    }
    this.#options.carry(node ?? route.node, request(route.token), close)
    this.#options.queue.after(this.#options.timeoutMs(), () => close(undefined))
  }
}
