import type { NodeId, ShardId } from '@meridian/topology'
import type { TransferEntry, TransferPhase } from './journal.ts'
import { find, isBehind, isFrozenStage } from './transfer-findings.ts'
import type { Finding, TransferSignal } from './transfer-findings.ts'
import { TRANSFER_TIMING } from './transfer-state.ts'
import type {
  Barrier,
  Position,
  TransferCommand,
  TransferEffect,
  TransferFacts,
  TransferState,
} from './transfer-state.ts'

export type TransferEvent =
  | { readonly kind: 'looked'; readonly nowMs: number; readonly facts: TransferFacts }
  /** What a node said of the shards that it was asked about; of others nothing. */
  | {
      readonly kind: 'positions'
      readonly node: NodeId
      readonly asked: readonly ShardId[]
      readonly positions: readonly Position[]
    }
  | { readonly kind: 'barriers'; readonly barriers: readonly Barrier[] }
  /** The command was carried out, or came to nothing; the journal says which. */
  | { readonly kind: 'settled' }

type Row = Readonly<Record<TransferSignal, TransferPhase>>

/** A phase that a signal does not change stands. */
const row = (phase: TransferPhase, changes: Partial<Row>): Row => ({
  paged: phase,
  close: phase,
  barred: phase,
  caught: phase,
  owned: phase,
  cleaned: phase,
  late: phase,
  lost: phase,
  thawed: phase,
  ...changes,
})

/**
 * Where each signal leads from each phase. From `freeze` on nothing is skipped: who has no barriers cannot have caught up.
 * Once `owned` there is no way back, and before it no way forward without `caught`.
 */
export const TRANSFER_TRANSITIONS: Readonly<Record<TransferPhase, Row>> = {
  prepare: row('prepare', { paged: 'follow', late: 'aborting', lost: 'aborted' }),
  follow: row('follow', { close: 'freeze', late: 'aborting', lost: 'aborted' }),
  freeze: row('freeze', { barred: 'catch-up', late: 'aborting', lost: 'aborted' }),
  'catch-up': row('catch-up', { caught: 'commit', late: 'aborting', lost: 'aborted' }),
  commit: row('commit', { owned: 'clean', late: 'aborting', lost: 'aborted' }),
  clean: row('clean', { cleaned: 'done', late: 'done' }),
  done: row('done', {}),
  aborting: row('aborting', { thawed: 'aborted', late: 'aborted' }),
  aborted: row('aborted', {}),
}

export function initialTransfer(entry: TransferEntry, nowMs: number, timing = TRANSFER_TIMING): TransferState {
  return {
    timing,
    phase: entry.phase,
    sinceMs: nowMs,
    frozenMs: undefined,
    progressMs: nowMs,
    score: -1,
    barriers: new Map(),
    positions: new Map(),
    note: entry.note,
    notedMs: nowMs,
    busy: false,
  }
}

/** The whole decision about one transfer. Pure: what it wants done comes back as effects. */
export function step(state: TransferState, event: TransferEvent): readonly [TransferState, readonly TransferEffect[]] {
  switch (event.kind) {
    case 'positions': {
      // What it said of others before still holds: only those that lack something are asked about again.
      const told = new Map(state.positions.get(event.node))
      for (const shard of event.asked) told.delete(shard)
      for (const position of event.positions) told.set(position.shardId, position)
      return [{ ...state, positions: new Map(state.positions).set(event.node, told) }, []]
    }
    case 'barriers': {
      const barriers = new Map(state.barriers)
      for (const barrier of event.barriers) {
        const known = barriers.get(barrier.shardId)
        if (known === undefined || !isBehind(barrier, known)) barriers.set(barrier.shardId, barrier)
      }
      return [{ ...state, barriers }, []]
    }
    case 'settled':
      return [{ ...state, busy: false }, []]
    case 'looked':
      return looked(state, event.facts, event.nowMs)
  }
}

function looked(
  before: TransferState,
  facts: TransferFacts,
  nowMs: number,
): readonly [TransferState, readonly TransferEffect[]] {
  let state = before
  // The journal leads; only the stages between freeze and commit are this process's own.
  const stored = facts.entry.phase
  if (stored !== state.phase && !(stored === 'freeze' && isFrozenStage(state.phase))) {
    state = { ...state, phase: stored, sinceMs: nowMs, progressMs: nowMs, score: -1 }
  }
  if (state.busy) return [state, []]
  if (isFrozenStage(state.phase)) state = { ...state, frozenMs: state.frozenMs ?? nowMs }
  for (;;) {
    const finding = find(state, facts)
    if (finding.score > state.score) state = { ...state, score: finding.score, progressMs: nowMs }
    const late = finding.signal === undefined ? lateness(state, finding, facts, nowMs) : undefined
    const signal = finding.signal ?? (late === undefined ? undefined : 'late')
    if (state.phase === 'commit' && signal === 'caught') return commanded(state, 'commit', 'clean', finding.note)
    const next = signal === undefined ? state.phase : TRANSFER_TRANSITIONS[state.phase][signal]
    if (next === state.phase) return waiting(state, facts, finding, nowMs)
    const command = commandTo(next, signal)
    const note = late ?? finding.note
    if (command === undefined) {
      state = { ...state, phase: next, sinceMs: nowMs, progressMs: nowMs, score: -1, note }
      continue
    }
    // Nothing has to thaw of a range that was not frozen.
    return commanded(state, command, command === 'abort' && !isFrozenStage(state.phase) ? 'aborted' : next, note)
  }
}

/** The phase changes when the journal shows it: a command may come to nothing. */
function commanded(
  state: TransferState,
  command: TransferCommand,
  phase: TransferPhase,
  note: string,
): readonly [TransferState, readonly TransferEffect[]] {
  return [{ ...state, note, busy: true }, [{ kind: 'command', command, phase, note }]]
}

function waiting(
  state: TransferState,
  { entry }: TransferFacts,
  { note, asks }: Finding,
  nowMs: number,
): readonly [TransferState, readonly TransferEffect[]] {
  // Nobody pays for a commit while writes are refused; later the note says how it went, and that stays.
  const told = note === entry.note || (state.phase !== 'prepare' && state.phase !== 'follow')
  if (told || nowMs - state.notedMs < state.timing.noteEveryMs) return [{ ...state, note }, asks]
  const [noted, command] = commanded({ ...state, notedMs: nowMs }, 'note', state.phase, note)
  return [noted, [...asks, ...command]]
}

/** The commit at G that a change of phase costs; undefined for those that are this process's own. */
function commandTo(to: TransferPhase, signal: TransferSignal | undefined): TransferCommand | undefined {
  if (signal === 'lost') return 'end'
  switch (to) {
    case 'follow':
    case 'freeze':
      return to
    case 'aborting':
      return 'abort'
    case 'done':
    case 'aborted':
      return 'end'
    case 'prepare':
    case 'catch-up':
    case 'commit':
    case 'clean':
      return undefined
  }
}

function lateness(state: TransferState, finding: Finding, facts: TransferFacts, nowMs: number): string | undefined {
  const { timing, phase } = state
  const { note } = finding
  if (phase === 'clean' || phase === 'aborting') {
    return nowMs - state.sinceMs >= timing.cleanMsMax ? `${facts.entry.note}; no longer waited ${note}` : undefined
  }
  if (facts.objection !== undefined && phase !== 'commit') return `${facts.entry.target} ${facts.objection}`
  const patienceMs = finding.installing ? timing.installMsMax : timing.stallMsMax
  if (nowMs - state.progressMs >= patienceMs) return `no progress for ${patienceMs} ms: it waited ${note}`
  if (state.frozenMs !== undefined && nowMs - state.frozenMs >= timing.frozenMsMax) {
    return `frozen for ${timing.frozenMsMax} ms: it waited ${note}`
  }
  return undefined
}
