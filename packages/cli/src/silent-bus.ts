import type { FeedBus } from '@meridian/feed'

/**
 * A bus without messages, for when no NATS server is known or a command needs the map only once: its followers list the
 * map from region servers, and list it again when the silence has lasted. Late, never wrong.
 */
export const silentBus: FeedBus = {
  connected: true,
  publish: () => {},
  subscribe: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
  [Symbol.asyncDispose]: () => Promise.resolve(),
}
