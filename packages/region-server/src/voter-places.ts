import type { Clock, Logger } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { isMeridianError } from '@meridian/topology'

const LEADER_EVERY_MS = 1000
/** Members of G come and go once in a blue moon. */
const MEMBERS_EVERY_MS = 30_000

/** A voter of G is named after its region; undefined for one that has no name yet. */
export function voterRegion(memberName: string): string | undefined {
  return memberName === '' ? undefined : memberName
}

/** In which regions the voters of G are and in which of them it is led, as of a second ago. */
export class VoterPlaces {
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: Logger
  #regionOf: ReadonlyMap<string, string> = new Map()
  #leader: string | undefined

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
        this.#leader = status.leader
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
