/** The feed as publishers and routers saw it. Positions are (`inc`, `rev`) of the stream, counters are text. */
export type FeedEvent = FeedPublishedEvent | FeedReceivedEvent | FeedAppliedEvent | FeedResyncedEvent | ObservedEvent

interface FeedPosition {
  /** `g`, or a region. */
  readonly stream: string
  readonly inc: string
  readonly rev: string
}

export interface FeedPublishedEvent extends FeedPosition {
  readonly kind: 'feed.pub'
  /** Revision of the change before it on the stream. */
  readonly prev: string
}

export interface FeedReceivedEvent extends FeedPosition {
  readonly kind: 'feed.recv'
  readonly router: string
  readonly prev: string
}

/** A message is in the router's map. */
export interface FeedAppliedEvent extends FeedPosition {
  readonly kind: 'feed.apply'
  readonly router: string
  /** Of the whole map of that stream afterwards. */
  readonly digest: string
}

/** A snapshot replaced the router's map of the stream. */
export interface FeedResyncedEvent extends FeedPosition {
  readonly kind: 'feed.resync'
  readonly router: string
  readonly digest: string
}

/** The registry says that the router has applied that position. */
export interface ObservedEvent extends FeedPosition {
  readonly kind: 'obs.claim'
  readonly router: string
}
