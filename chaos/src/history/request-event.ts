/**
 * Requests as clients know them, one event when they leave and one when they end. (client, cseq) names a request over the
 * whole run; retries of the library are part of the same one. Counters are text, values are marks (see `valueMark`).
 */
export type RequestEvent =
  | RequestInvokedEvent
  | RequestRefusedEvent
  | RequestOkEvent
  | RequestFailEvent
  | RequestInfoEvent

/** `meta`: a record of the control plane, positions are revisions. `data`: a key of a shard, positions are indexes. */
export type RequestTier = 'data' | 'meta'

export interface RequestInvokedEvent {
  readonly kind: 'req.inv'
  readonly client: string
  readonly cseq: string
  readonly tier: RequestTier
  /** Of data: the shard. Of meta: the store that holds the record, `g` or a region. */
  readonly shard: string
  /** The register: `<keyspace>/<key>`, or a record's name. */
  readonly key: string
  readonly f: 'read' | 'write' | 'cas'
  readonly mode: ReadMode
  /** What is to be stored; empty for reads. */
  readonly value: string
  /** Of `cas`: what must be there; empty: nothing. Else empty. */
  readonly expected: string
  /** The operation id of a metadata write; else empty. */
  readonly op: string
}

/** Empty for writes. */
export type ReadMode = '' | 'quorum' | 'lease' | 'stale'

/** One attempt of the request was refused because the client's map was behind; the request itself goes on. */
export interface RequestRefusedEvent {
  readonly kind: 'req.refused'
  readonly client: string
  readonly cseq: string
  readonly node: string
  /** What the attempt carried, and the node's own as the refusal tells it. */
  readonly token: string
  readonly own: string
}

export interface RequestOkEvent {
  readonly kind: 'req.ok'
  readonly client: string
  readonly cseq: string
  /** Of a read: what was found, empty if nothing. Else empty. */
  readonly value: string
  /** The index or revision of a write's own entry; of a read the position of the state that it saw. */
  readonly idx: string
  /** The token that the answer was given under; empty for metadata. */
  readonly token: string
  /** An earlier attempt had been applied: the token may be later than that of the entry. */
  readonly duplicate: boolean
}

/** Surely without effect. */
export interface RequestFailEvent {
  readonly kind: 'req.fail'
  readonly client: string
  readonly cseq: string
  readonly code: string
}

/** Nobody knows; it may take effect at any later time. */
export interface RequestInfoEvent {
  readonly kind: 'req.info'
  readonly client: string
  readonly cseq: string
  readonly code: string
}
