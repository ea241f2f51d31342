import { GLOBAL_STREAM, revision } from '@meridian/topology'
import type { Position, Revision } from '@meridian/topology'
import { FeedChecker } from './conformance/feed-checker.ts'
import { StreamHistory } from './conformance/stream-history.ts'
import type { FeedUpdate } from './feed-message.ts'
import { nextDeadlineMs } from './follower-core.ts'
import type { Step } from './follower-core.ts'
import { initialState } from './follower-state.ts'
import type { EventBody, FollowerEvent, FollowerState } from './follower-state.ts'
import type { RecordChange, Snapshot } from './snapshot.ts'
import { StreamView } from './stream-view.ts'

export interface SimulationPlan {
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly step: (state: FollowerState, event: FollowerEvent) => Step
  readonly lose: number
  readonly repeat: number
  readonly delay: number
  readonly snapshotFails: number
  readonly snapshotStale: number
  readonly commits: number
  /** Restores from a backup, restarts and second publishers happen too. */
  readonly publisherFaults: boolean
}

export interface SimulationOutcome {
  readonly violations: readonly string[]
  readonly converged: boolean
  readonly alarms: number
  readonly trace: readonly string[]
}

/** The longest way back: a backoff at its maximum, a fetch, silence or a beacon and its tail, and all of that again. */
const CONVERGE_MS = 10_000
const BEACON_MS = 1_000
const DELAY_MS_MAX = 250
const STEPS_MAX = 200_000

/**
 * One follower, a store, up to two publishers, a bus and a snapshot source in one thread of virtual time. The faulty
 * part lasts as long as the commits do; then all parts work and the view has to become right within CONVERGE_MS.
 */
export function simulate(plan: SimulationPlan): SimulationOutcome {
  const { random } = plan
  const history = new StreamHistory(GLOBAL_STREAM)
  const checker = new FeedChecker(history)
  const view = new StreamView(GLOBAL_STREAM)
  const trace: string[] = []
  const agenda: { atMs: number; run: () => void }[] = []
  let nowMs = 0
  let faulty = true
  let alarms = 0
  let state: FollowerState = initialState(0)
  let stamps = 0
  let fetches = 0

  const after = (ms: number, run: () => void): void => {
    agenda.push({ atMs: nowMs + ms, run })
  }
  const chance = (probability: number): boolean => faulty && random() < probability

  const take = (body: EventBody): void => {
    const before = state.kind
    const [next, effects] = plan.step(state, { ...body, nowMs, random: random() })
    state = next
    const done = effects.map((effect) => effect.kind).join(' ')
    trace.push(`${nowMs.toFixed(0)} ${before} ${describe(body)} -> ${state.kind} ${state.position.revision} ${done}`)
    for (const effect of effects) {
      switch (effect.kind) {
        case 'apply':
        case 'advance':
          view.apply(effect.position, effect.kind === 'apply' ? effect.changes : [])
          checker.applied(effect.position, view.records)
          break
        case 'reset':
          view.reset(effect.snapshot)
          checker.resynced(effect.snapshot.position, view.records)
          break
        case 'discard':
          view.clear()
          break
        case 'fetch':
          fetch(++fetches)
          break
        case 'abandon-fetch':
          fetches += 1
          break
        case 'alarm':
          alarms += 1
          break
        case 'confirm':
        case 'count':
        case 'resync':
          break
      }
    }
    after(Math.max(0, nextDeadlineMs(state) - nowMs), () => {
      if (nowMs >= nextDeadlineMs(state)) take({ kind: 'tick' })
    })
  }

  const fetch = (id: number): void => {
    const fails = chance(plan.snapshotFails)
    const head = history.head
    const back = chance(plan.snapshotStale) ? BigInt(Math.floor(random() * 6)) : 0n
    const stale: Position = { ...head, revision: revision(head.revision > back ? head.revision - back : head.revision) }
    const snapshot: Snapshot = history.snapshotAt(snapshotExists(stale) ? stale : head)
    after(random() * 200, () => {
      if (id !== fetches) return
      if (fails) take({ kind: 'snapshot-failed' })
      else take({ kind: 'snapshot-arrived', snapshot, intact: true, digestHere: view.digest })
    })
  }
  let lifeBegan: Revision = history.head.revision
  const snapshotExists = (at: Position): boolean => at.revision >= lifeBegan

  const send = (body: () => EventBody): void => {
    if (chance(plan.lose)) return
    after(chance(plan.delay) ? random() * DELAY_MS_MAX : 1, () => take(body()))
    if (chance(plan.repeat)) after(random() * DELAY_MS_MAX, () => take(body()))
  }
  /** Where each publisher's chain ends. The first always runs in the end. */
  const chains: Position[] = [history.head]
  const beacons = (): void => {
    for (const position of chains) {
      if (position.incarnation !== history.head.incarnation) continue
      const { digest } = history.snapshotAt(position)
      const stamp = String(++stamps).padStart(12, '0')
      const beacon = { position, digest, stamp, lagMs: 0 }
      send(() => ({ kind: 'beacon', beacon, digestHere: view.digest }))
    }
    after(BEACON_MS, beacons)
  }
  const commit = (): void => {
    const changes: RecordChange[] = []
    for (let i = Math.floor(random() * 3); i >= 0; i--) {
      const key = `/node/${Math.floor(random() * 5)}`
      const value = random() < 0.3 ? undefined : Buffer.from(String(Math.floor(random() * 3)))
      changes.push({ key, value })
    }
    const position = history.commit(changes, random() < 0.3 ? 2 : 0)
    for (const [index, at] of chains.entries()) {
      if (at.incarnation !== position.incarnation) continue
      const update: FeedUpdate = { position, previous: at.revision, changes, bytes: 100 }
      chains[index] = position
      send(() => ({ kind: 'update', update }))
    }
  }
  const publisherFault = (): void => {
    const which = random()
    history.pass(1)
    if (which < 0.4) chains[0] = history.head
    else if (which < 0.7) chains[1] = history.head
    else if (which < 0.85) chains.length = 1
    else if (history.head.revision > lifeBegan + 3n) {
      lifeBegan = revision(history.head.revision - 3n)
      history.restore(lifeBegan)
      chains[0] = history.head
    }
  }

  take({ kind: 'subscribed' })
  beacons()
  let endMs = 0
  for (let i = 0; i < plan.commits; i++) {
    endMs += random() < 0.1 ? random() * 2_000 : random() * 80
    const atMs = endMs
    agenda.push({ atMs, run: commit })
    if (plan.publisherFaults && random() < 0.1) agenda.push({ atMs, run: publisherFault })
  }
  // The last message may still be lost; after it only beacons come.
  agenda.push({ atMs: endMs + 0.5, run: () => (faulty = false) })

  for (let steps = 0; ; steps++) {
    if (steps > STEPS_MAX) throw new Error('the simulation does not end')
    const next = agenda.reduce<number>((best, entry, at) => (entry.atMs < (agenda[best]?.atMs ?? 0) ? at : best), 0)
    const [entry] = agenda.splice(next, 1)
    if (entry === undefined || entry.atMs > endMs + CONVERGE_MS) break
    nowMs = Math.max(nowMs, entry.atMs)
    entry.run()
  }
  return { violations: checker.violations, converged: checker.converged(view.records), alarms, trace }
}

function describe(body: EventBody): string {
  switch (body.kind) {
    case 'update':
      return `update ${body.update.previous}->${body.update.position.incarnation}/${body.update.position.revision}`
    case 'beacon':
      return `beacon ${body.beacon.position.incarnation}/${body.beacon.position.revision}`
    case 'snapshot-arrived':
      return `snapshot ${body.snapshot.position.incarnation}/${body.snapshot.position.revision}`
    case 'snapshot-failed':
    case 'subscribed':
    case 'resync-requested':
    case 'tick':
      return body.kind
  }
}
