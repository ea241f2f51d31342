import type { BackoffPolicy, Clock, Logger } from '@meridian/loop'
import { backoffMs } from '@meridian/loop'
import type { Revision } from '@meridian/topology'
import { isMeridianError } from '@meridian/topology'
import { Candidacy } from './candidacy.ts'
import { electionPrefix } from './election-key.ts'
import type { Leadership } from './election.ts'
import type { Store } from './store.ts'

export interface CampaignOptions {
  /** Lower-case letters, digits, dots and dashes. */
  readonly role: string
  /** What others may learn of the leader: an address, usually. */
  readonly value: string
  /** Asked for; the store may grant more, and what it grants counts. */
  readonly ttlMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Ends the campaign, which then rejects with its reason; later it ends the leadership, as `resign` does. */
  readonly signal: AbortSignal
  /** Uniform in [0, 1); scatters retries. Default Math.random. */
  readonly random?: () => number
}

const RETRY: BackoffPolicy = { delayMsMin: 100, delayMsMax: 2000 }

/**
 * Waits until this process leads the role. A lease alone fences nobody: the leader may be paused, or its request may
 * be under way, when the lease ends and a successor acts. What makes a leader's writes safe is `Leadership.guard` in
 * every one of them (`guardedTxn` adds it), and its token in every message; the lease only decides how soon a silent
 * leader is replaced, and `lost` only how soon an old one becomes quiet.
 *
 * Promised: tokens of a role rise from leader to leader, and a transaction with the guard commits only while its
 * candidate's key stands. NOT promised: that at most one process believes that it leads.
 *
 * Rejects only when aborted, for a role that is none (INVALID_ARGUMENT) and for a value above the store's limit
 * (VALUE_TOO_LARGE); a store out of reach is waited for.
 */
export async function campaign(store: Store, options: CampaignOptions): Promise<Leadership> {
  const { role, value, ttlMs, clock, signal, random = Math.random } = options
  const prefix = electionPrefix(role)
  const log = options.log.child({ role })
  for (let failures = 0; ;) {
    signal.throwIfAborted()
    let candidacy: Candidacy | undefined
    try {
      candidacy = await Candidacy.stand(store, role, value, ttlMs, clock, log, signal)
      await outlive(store, prefix, candidacy, signal, () => {
        failures = 0
      })
      candidacy.lost.throwIfAborted()
      log.info({ token: candidacy.token }, 'leadership won')
      return lead(store, role, candidacy, log, signal)
    } catch (error) {
      await candidacy?.withdraw()
      signal.throwIfAborted()
      if (isMeridianError(error, 'VALUE_TOO_LARGE')) throw error
      log.warn({ err: error, failures }, 'campaign interrupted')
    }
    await clock.sleep(backoffMs(RETRY, failures, random), signal)
    failures += 1
  }
}

/** Returns when every candidate created before ours is gone; throws when ours is lost first. */
async function outlive(
  store: Store,
  prefix: string,
  candidacy: Candidacy,
  signal: AbortSignal,
  onProgress: () => void,
): Promise<void> {
  const ended = AbortSignal.any([signal, candidacy.lost])
  for (;;) {
    const { records, revision } = await store.list(prefix, { signal: ended })
    onProgress()
    if (!records.some(({ key, createRevision }) => key === candidacy.key && createRevision === candidacy.token)) {
      throw new Error('the candidate is gone')
    }
    const before = new Set(records.filter((each) => each.createRevision < candidacy.token).map(({ key }) => key))
    if (before.size === 0) return
    const fromRevision = (revision + 1n) as Revision
    for await (const event of store.watch({ fromRevision, prefixes: [prefix], signal: ended })) {
      if (event.kind !== 'changes') continue
      for (const { key, value } of event.changes) {
        if (value !== undefined) continue
        if (key === candidacy.key) throw new Error('the candidate is gone')
        before.delete(key)
      }
      if (before.size === 0) return
    }
    // The watch was compacted or ended; when nothing ended us, list again.
    ended.throwIfAborted()
  }
}

function lead(store: Store, role: string, candidacy: Candidacy, log: Logger, signal: AbortSignal): Leadership {
  const { key, token, lost } = candidacy
  void watchOwnKey(store, candidacy, log)
  const resign = (): Promise<void> => candidacy.withdraw()
  const onAbort = (): void => void resign()
  signal.addEventListener('abort', onAbort, { once: true })
  lost.addEventListener(
    'abort',
    () => {
      signal.removeEventListener('abort', onAbort)
      log.info({ token, reason: String(lost.reason) }, 'leadership ended')
    },
    { once: true },
  )
  if (signal.aborted) onAbort()
  return { role, token, guard: { kind: 'create-revision', key, equals: token }, lost, resign }
}

/** The server may delete the key before our deadline: its lease was revoked, or an operator removed it. */
async function watchOwnKey(store: Store, candidacy: Candidacy, log: Logger): Promise<void> {
  const { key, token, lost } = candidacy
  let fromRevision = (token + 1n) as Revision
  while (!lost.aborted) {
    try {
      for await (const event of store.watch({ fromRevision, prefixes: [key], signal: lost })) {
        if (event.kind !== 'changes') continue
        if (event.changes.some((change) => change.key === key && change.value === undefined)) {
          candidacy.abandon(new Error('the election key was deleted'))
        }
      }
      if (lost.aborted) return
      const { records, revision } = await store.list(key, { signal: lost })
      const own = records.find((record) => record.key === key)
      if (own?.createRevision !== token) candidacy.abandon(new Error('the election key is gone'))
      fromRevision = (revision + 1n) as Revision
    } catch (error) {
      // Out of reach: the deadline decides. A watch that cannot go on is as good as none, so give up early.
      if (!lost.aborted) {
        log.warn({ err: error }, 'election key not watched')
        candidacy.abandon(new Error('the election key cannot be watched', { cause: error }))
      }
    }
  }
}
