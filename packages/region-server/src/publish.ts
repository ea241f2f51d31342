import { StreamPublisher } from '@meridian/feed'
import type { FeedBus } from '@meridian/feed'
import { withTimeLimit } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import { campaign } from '@meridian/store'
import type { Store } from '@meridian/store'
import { INCARNATION_KEY } from '@meridian/topology'
import type { TierStream } from './tier-stream.ts'

/** How often the publisher proves by a linearizable read that it has seen everything. */
const HEAD_EVERY_MS = 1000

export interface PublishOptions {
  /** Where the publisher is elected: the region's own tier. */
  readonly electionStore: Store
  readonly electionTtlMs: number
  readonly streams: readonly { readonly tier: TierStream; readonly store: Store }[]
  readonly bus: FeedBus
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  readonly stamp: () => string
  /** This server, as others may dial it. */
  readonly address: string
  readonly onPublisher: (publishing: boolean) => void
}

/**
 * Publishes while elected, until `signal` aborts. The election is for quiet only: what is said of a revision is a pure
 * function of the store's history, so a second publisher repeats the first.
 */
export async function runPublisher(options: PublishOptions, signal: AbortSignal): Promise<void> {
  const { electionStore, electionTtlMs, streams, bus, clock, log, random, stamp, address } = options
  while (!signal.aborted) {
    const leadership = await campaign(electionStore, {
      role: 'publisher',
      value: address,
      ttlMs: electionTtlMs,
      clock,
      log,
      random,
      signal,
    })
    options.onPublisher(true)
    const over = AbortSignal.any([signal, leadership.lost])
    await using publishers = new AsyncDisposableStack()
    const running = streams.map(async ({ tier, store }) => {
      const publisher = publishers.use(
        new StreamPublisher({
          stream: tier.stream,
          incarnation: tier.incarnation,
          bus,
          clock,
          stamp,
          publisher: address,
          log,
        }),
      )
      tier.publishBy(publisher)
      await knowHead(publisher, tier, store, clock, over)
      tier.publishNoMore()
    })
    await Promise.all(running)
    options.onPublisher(false)
    await leadership.resign()
  }
}

/** Seen everything means: what a linearizable read found as the head has come through the watch. */
async function knowHead(
  publisher: StreamPublisher,
  tier: TierStream,
  store: Store,
  clock: Clock,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    const askedMs = clock.nowMs()
    try {
      const { revision } = await store.list(INCARNATION_KEY, { consistency: 'linearizable', signal: over })
      await withTimeLimit(clock, HEAD_EVERY_MS * 5, (late) => tier.waitFor(revision, late), over)
      publisher.headKnown(askedMs)
    } catch {
      // A tier without a quorum, or a watch that hangs: the lag in the beacon grows, which is how followers are told.
    }
    await clock.sleep(HEAD_EVERY_MS, over).catch(() => {})
  }
}
