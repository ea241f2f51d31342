import { comparePositions } from '@meridian/topology'
import type { Position, StreamId } from '@meridian/topology'

/** Followers remembered at most; the one silent for longest goes first. */
const FOLLOWERS_MAX = 10_000
/** A follower silent for this long is forgotten, ms. */
const FORGOTTEN_MS = 60_000

export interface Follower {
  readonly name: string
  /** The life of its process: claims of an earlier life say nothing about this one. */
  readonly life: string
  readonly positions: ReadonlyMap<StreamId, Position>
  readonly heardMs: number
}

/** Who has applied what: the reports of routers and nodes of this region, as they came in (safety I27). */
export class FollowerRegistry {
  readonly #followers = new Map<string, Follower>()

  report(name: string, life: string, positions: ReadonlyMap<StreamId, Position>, nowMs: number): void {
    const known = this.#followers.get(name)
    const merged = new Map(positions)
    if (known?.life === life) {
      // A delayed report must not take a claim back.
      for (const [stream, position] of known.positions) {
        const told = merged.get(stream)
        if (told === undefined || comparePositions(told, position) < 0) merged.set(stream, position)
      }
    }
    this.#followers.delete(name)
    this.#followers.set(name, { name, life, positions: merged, heardMs: nowMs })
    for (const [oldName, old] of this.#followers) {
      if (nowMs - old.heardMs < FORGOTTEN_MS && this.#followers.size <= FOLLOWERS_MAX) break
      this.#followers.delete(oldName)
    }
  }

  list(nowMs: number): readonly Follower[] {
    return [...this.#followers.values()].filter((follower) => nowMs - follower.heardMs < FORGOTTEN_MS)
  }
}
