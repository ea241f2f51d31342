/** Largest message on the bus, bytes: NATS's own default. */
export const MESSAGE_BYTES_MAX = 1024 * 1024

/**
 * A hint bus: what is published may be lost, repeated, delayed and reordered, and a publisher is never told. The gap
 * rule of the follower, not the bus, makes the feed right; a bus that loses everything makes routers late, never wrong.
 */
export interface FeedBus extends AsyncDisposable {
  /** Fire and forget. Payloads over MESSAGE_BYTES_MAX are a bug of the caller. */
  publish(subject: string, payload: Uint8Array): void
  /** Resolves when the server has registered the interest; the handler must not throw. Disposing ends it. */
  subscribe(subject: string, handler: (payload: Uint8Array) => void): Promise<AsyncDisposable>
  readonly connected: boolean
}

/** For implementations: throws if a payload may not be published. */
export function checkMessageBytes(subject: string, payload: Uint8Array): void {
  if (payload.length > MESSAGE_BYTES_MAX) {
    throw new RangeError(`${payload.length} bytes on ${subject}: at most ${MESSAGE_BYTES_MAX}`)
  }
}
