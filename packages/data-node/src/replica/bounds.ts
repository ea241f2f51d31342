/** Bounds of one shard replica. A node may choose smaller ones; simulations do, to reach the edges. */
export interface ReplicaBounds {
  /** Entries in one append, bytes of keys and values; a single larger entry still goes alone. */
  readonly appendBytesMax: number
  readonly appendEntriesMax: number
  /** Entries in one answer to a fetch, bytes. */
  readonly fetchBytesMax: number
  /** Entries a leader has appended and not yet seen committed; beyond it writes are refused OVERLOADED. */
  readonly uncommittedEntriesMax: number
  readonly uncommittedBytesMax: number
  /** Quorum reads waiting for a round of confirmations. */
  readonly readsWaitingMax: number
  /** A write not committed for this long is answered "unknown"; it may still be committed. */
  readonly writeMsMax: number
  /** A quorum read not confirmed for this long is refused. */
  readonly readMsMax: number
  /** Pause before a replica that did not answer is tried again. */
  readonly retryMs: number
  /** A confirmation not answered for this long is asked for again. */
  readonly confirmRetryMs: number
  /** Log size above which a leader trims what every replica and learner holds that it has heard of lately. */
  readonly logEntriesMax: number
  readonly logBytesMax: number
  /** Log size above which nobody is waited for: who is slower than the writers for that long is installed anew. */
  readonly logEntriesHeld: number
  readonly logBytesHeld: number
  /**
   * A replica or learner that has left everything unanswered for this long is not waited for. Longer than W_R, so that
   * the entries a taken-over region has more than its standbys are still in its logs, to be reported.
   */
  readonly silentMs: number
  /** Entries kept below that point, so that a replica slightly behind in knowledge still finds where logs meet. */
  readonly logEntriesKept: number
  /** Keys, values and sessions in one piece of an installed state, bytes; a single larger one still goes alone. */
  readonly installBytesMax: number
  /** A piece not answered for this long is asked for again. */
  readonly installRetryMs: number
  /** An offered state that nobody asked for during this time is given up. */
  readonly offerMs: number
  /** Sequences remembered per session with the position they were applied at. */
  readonly sessionSequencesMax: number
  /** Sessions with such a window; of the others only the highest sequence is kept. */
  readonly sessionWindowsMax: number
}

export const REPLICA_BOUNDS: ReplicaBounds = {
  appendBytesMax: 1024 * 1024,
  appendEntriesMax: 256,
  fetchBytesMax: 1024 * 1024,
  uncommittedEntriesMax: 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  readsWaitingMax: 4096,
  writeMsMax: 10_000,
  readMsMax: 2_000,
  retryMs: 100,
  confirmRetryMs: 200,
  logEntriesMax: 4096,
  logBytesMax: 64 * 1024 * 1024,
  logEntriesHeld: 32_768,
  logBytesHeld: 256 * 1024 * 1024,
  silentMs: 30_000,
  logEntriesKept: 16,
  installBytesMax: 1024 * 1024,
  installRetryMs: 6_000,
  offerMs: 30_000,
  sessionSequencesMax: 4096,
  sessionWindowsMax: 1024,
}
