import type { Clock, Logger } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { isMeridianError } from '@meridian/topology'

/** By so much at most it is known late that another leads: commits that the old leader dropped wait for it. */
const LEADER_EVERY_MS = 250
/** Members of G come and go once in a blue moon. */
const MEMBERS_EVERY_MS = 30_000

/** A voter of G is named after its region; undefined for one that has no name yet. */
export function voterRegion(memberName: string): string | undefined {
  return memberName === '' ? undefined : memberName
}

/** In which regions the voters of G are and in which of them it is led, as of a moment ago. */
export class VoterPlaces {
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: Logger
  #regionOf: ReadonlyMap<string, string> = new Map()
  #leader: string | undefined
  /** The last one known; kept while nobody leads. */
  #lastLeader: string | undefined
  readonly #listeners = new Set<() => void>()

  constructor(store: Store, clock: Clock, log: Logger) {
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  /** Undefined while nobody is known to lead. */
  get leader(): string | undefined {
    return this.#leader === undefined ? undefined : this.#regionOf.get(this.#leader)
  }

  get regions(): readonly string[] {
    return [...this.#regionOf.values()]
  }

  /** Calls `listener`, which must not throw, when another voter leads than the one before; returns the way to stop. */
  readonly onLeaderChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #seen(leader: string | undefined): void {
    this.#leader = leader
    if (leader === undefined || leader === this.#lastLeader) return
    const isAnother = this.#lastLeader !== undefined
    this.#lastLeader = leader
    if (isAnother) for (const listener of this.#listeners) listener()
  }

  /** Asks the cluster anew. @throws MeridianError UNAVAILABLE */
  async refresh(signal: AbortSignal): Promise<void> {
    const members = await this.#store.members(signal)
    this.#regionOf = new Map(
      members.flatMap(({ memberId, name, learner }) => {
        const region = voterRegion(name)
        return learner || region === undefined ? [] : [[memberId, region] as const]
      }),
    )
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let refreshedMs = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      try {
        if (this.#clock.nowMs() - refreshedMs > MEMBERS_EVERY_MS) {
          await this.refresh(signal)
          refreshedMs = this.#clock.nowMs()
        }
        const status = await this.#store.status(signal)
        this.#seen(status.leader)
      } catch (error) {
        if (signal.aborted) return
        this.#leader = undefined
        if (!isMeridianError(error)) throw error
        this.#log.debug({ err: error }, 'leader of the global tier not seen')
      }
      await this.#clock.sleep(LEADER_EVERY_MS, signal).catch(() => {})
    }
  }
}
