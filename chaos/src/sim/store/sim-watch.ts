import type { RecordChange, WatchEvent, WatchOptions } from '@meridian/store'
import type { Revision } from '@meridian/topology'
import type { Life } from '../kernel/process.ts'
import type { SimRandom } from '../kernel/random.ts'
import type { Scheduler, Timer } from '../kernel/scheduler.ts'
import { rttMs } from '../net/geography.ts'
import type { Links } from '../net/links.ts'
import type { EtcdMember, SimEtcd } from './sim-etcd.ts'

export interface SimWatchOptions extends WatchOptions {
  readonly etcd: SimEtcd
  readonly life: Life
  readonly scheduler: Scheduler
  readonly links: Links
  readonly random: SimRandom
  /** The end of the client. */
  readonly closed: AbortSignal
}

/** A watch that hears nothing from its member looks for another after this long. */
const RECONNECT_MS = [200, 3000] as const

/** Two answers of one watch are this far apart at least: what is due at one instant comes in any order. */
const APART_MS = 0.001

/** A watch at one member of a simulated etcd: as late as that one, silent while it is cut off, then at another. */
export class SimWatch implements AsyncIterable<WatchEvent> {
  readonly #options: SimWatchOptions
  readonly #events: WatchEvent[] = []
  readonly #ended: AbortSignal
  #member: EtcdMember | undefined
  /** Everything below was taken over from the history. */
  #cursor: bigint
  /** Last arrival that is on its way. */
  #arrivalMs = 0
  #promised = 0n
  #wake: (() => void) | undefined
  #moving: Timer | undefined
  #over = false

  constructor(options: SimWatchOptions) {
    this.#options = options
    this.#cursor = options.fromRevision > 0n ? options.fromRevision : 1n
    this.#ended = AbortSignal.any([options.signal, options.closed])
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void> {
    const { etcd } = this.#options
    if (this.#ended.aborted) return
    const wake = (): void => this.#wake?.()
    this.#ended.addEventListener('abort', wake, { once: true })
    const forget = etcd.onChange(() => this.#look())
    try {
      this.#attach()
      while (!this.#ended.aborted) {
        const event = this.#events.shift()
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          continue
        }
        yield event
        if (event.kind === 'compacted') return
      }
    } finally {
      this.#over = true
      forget()
      this.#moving?.cancel()
      this.#ended.removeEventListener('abort', wake)
    }
  }

  #attach(): void {
    const { etcd, life, links, onConnection } = this.#options
    const { process } = life
    const [member] = etcd.members
      .filter((each) => etcd.follows(each) && links.connected(process, each))
      .toSorted((a, b) => rttMs(process.region, a.region) - rttMs(process.region, b.region))
    this.#member = member
    if (member === undefined) {
      this.#move()
      return
    }
    life.deliver(() => onConnection?.('connected'))
    // The way there; what is already known comes with the answer.
    this.#arrivalMs = this.#options.scheduler.nowMs + links.delayMs(process, member)
    this.#look()
  }

  /** Something was committed, or is connected otherwise: send on what the member has, or find another. */
  #look(): void {
    const { etcd, life, scheduler, links } = this.#options
    const member = this.#member
    if (this.#over || !life.alive || member === undefined) return
    const { leader } = etcd
    if (leader === undefined || !etcd.follows(member) || !links.connected(life.process, member)) {
      this.#move()
      return
    }
    const head = etcd.cluster.history.revision
    if (head <= this.#promised) return
    this.#promised = head
    const wayMs = (member === leader ? 0 : links.delayMs(leader, member)) + links.delayMs(member, life.process)
    this.#arrivalMs = Math.max(this.#arrivalMs + APART_MS, scheduler.nowMs + wayMs)
    scheduler.after(this.#arrivalMs - scheduler.nowMs, `watch of ${etcd.name}`, () =>
      life.deliver(() => this.#arrive(head)),
    )
  }

  #move(): void {
    const { scheduler, random, life, onConnection } = this.#options
    if (this.#moving !== undefined) return
    this.#moving = scheduler.after(random.between(...RECONNECT_MS), 'watch moves', () => {
      this.#moving = undefined
      if (this.#over || !life.alive) return
      const lost = this.#member !== undefined
      this.#member = undefined
      // What was on its way over the lost connection is asked for again.
      this.#promised = this.#cursor - 1n
      if (lost) life.deliver(() => onConnection?.('lost', new Error('silence')))
      this.#attach()
    })
  }

  #arrive(upTo: Revision): void {
    const { etcd, prefixes } = this.#options
    const { history } = etcd.cluster
    if (this.#over || this.#member === undefined) return
    if (this.#cursor < history.compactRevision) {
      this.#push({ kind: 'compacted', compactRevision: history.compactRevision })
      return
    }
    let unmatched: Revision | undefined
    for (;;) {
      const entry = this.#cursor > upTo ? undefined : history.entry(this.#cursor as Revision)
      if (entry === undefined || entry.revision > upTo) break
      this.#cursor = entry.revision + 1n
      const changes: RecordChange[] = entry.changes.filter(({ key }) =>
        prefixes.some((prefix) => key.startsWith(prefix)),
      )
      unmatched = changes.length === 0 ? entry.revision : undefined
      if (changes.length > 0) this.#push({ kind: 'changes', revision: entry.revision, changes })
    }
    if (this.#cursor <= upTo) {
      this.#cursor = upTo + 1n
      unmatched = upTo
    }
    // A watch on several prefixes is one on everything, which is told of every revision; others hear of them when idle.
    if (unmatched !== undefined && prefixes.length > 1) this.#push({ kind: 'progress', revision: unmatched })
  }

  #push(event: WatchEvent): void {
    this.#events.push(event)
    this.#wake?.()
  }
}
