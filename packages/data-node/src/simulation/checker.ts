import type { FinalReplica, History, HistoryEntry, ReadOperation, TokenValue, WriteOperation } from './history.ts'
import { checkQuarantine, FinalLog, order, show } from './lineage-checker.ts'

/** One line per violation, each beginning with the invariant of SPEC.md; empty when the history is right. */
export function check(history: History): string[] {
  const found: string[] = []
  const log = FinalLog.of(history, found)
  checkRatchet(history, found)
  checkSeals(history, found)
  checkDoor(history, found)
  const replay = replayLog(log.entries)
  checkFinal(history.final, log.entries, replay, found)
  checkWrites(history, replay, found)
  checkQuarantine(history, log, found)
  checkReads(history, log, replay, found)
  checkRealTime(history, log, replay, found)
  checkStale(history, log, replay, found)
  return found
}

/** I13: no replica's durable promise falls, and nothing below it is accepted. */
function checkRatchet(history: History, found: string[]): void {
  const highest = new Map<string, TokenValue>()
  for (const record of history.records) {
    if (record.kind === 'promised' || record.kind === 'sealed') {
      const before = highest.get(record.node)
      if (before !== undefined && order(record.token, before) < 0) {
        found.push(`I13 ${record.node} ${record.kind} ${show(record.token)} after ${show(before)}`)
      } else highest.set(record.node, record.token)
    }
    if (record.kind === 'accepted' && order(record.token, record.promised) < 0) {
      found.push(`I13 ${record.node} accepted ${show(record.token)} below ${show(record.promised)}`)
    }
  }
}

/** I14: before the first answer under a token, a majority of each of its sets has promised it. I7: one leader per token. */
function checkSeals(history: History, found: string[]): void {
  const sealed = new Map<string, Set<string>>()
  const leader = new Map<string, string>()
  const named = new Map<string, readonly (readonly string[])[]>()
  for (const record of history.records) {
    if (record.kind === 'sealed' || record.kind === 'promised') {
      const token = show(record.token)
      sealed.set(token, (sealed.get(token) ?? new Set()).add(record.node))
    }
    if (record.kind === 'named') named.set(show(record.token), record.sets)
    if (record.kind !== 'served') continue
    const token = show(record.token)
    const who = `${record.node}/${record.life}`
    const other = leader.get(token)
    if (other === undefined) {
      leader.set(token, who)
      const by = sealed.get(token) ?? new Set()
      const sets = named.get(token)
      if (sets === undefined) found.push(`I7 ${who} served under ${token}, which nobody was named with`)
      else if (sets.some((set) => set.filter((node) => by.has(node)).length < Math.floor(set.length / 2) + 1))
        found.push(`I14 ${who} served under ${token} sealed by ${[...by].join(' ')}`)
    } else if (other !== who) found.push(`I7 ${token} was served by ${other} and by ${who}`)
  }
}

/** I16: what was served carried the very token it was served under. */
function checkDoor(history: History, found: string[]): void {
  for (const record of history.records) {
    if (record.kind === 'served' && order(record.asked, record.token) !== 0) {
      found.push(`I16 ${record.node} served a request with ${show(record.asked)} under ${show(record.token)}`)
    }
  }
}

interface Replay {
  /** Where each (session, sequence) is in the log first. */
  readonly firstIndex: Map<string, number>
  /** Per key, in order of index. */
  readonly versions: Map<string, { readonly index: number; readonly value: string | undefined }[]>
}

const pair = (session: string, sequence: bigint): string => `${session}/${sequence}`

/** The naive twin: every pair the first time it stands in the log, without any window. */
function replayLog(log: readonly HistoryEntry[]): Replay {
  const firstIndex = new Map<string, number>()
  const versions: Replay['versions'] = new Map()
  for (const entry of log) {
    if (entry.session === '') continue
    for (const item of entry.items) {
      const id = pair(entry.session, item.sequence)
      if (firstIndex.has(id)) continue
      firstIndex.set(id, entry.index)
      const list = versions.get(item.key) ?? []
      list.push({ index: entry.index, value: item.value })
      versions.set(item.key, list)
    }
  }
  return { firstIndex, versions }
}

function versionAt(replay: Replay, key: string, index: number): { index: number; value: string | undefined } {
  const version = (replay.versions.get(key) ?? []).findLast((candidate) => candidate.index <= index)
  return version?.value === undefined ? { index: 0, value: undefined } : version
}

/** I20 and determinism: each replica's state is what its log says when every pair counts once. */
function checkFinal(
  final: readonly FinalReplica[],
  log: readonly HistoryEntry[],
  replay: Replay,
  found: string[],
): void {
  for (const replica of final) {
    if (replica.appliedIndex !== log.length)
      found.push(`final: ${replica.node} applied ${replica.appliedIndex} of ${log.length}`)
    const held = new Map(replica.values.map((row) => [row.key, row]))
    for (const key of new Set([...replay.versions.keys(), ...held.keys()])) {
      const expected = versionAt(replay, key, replica.appliedIndex)
      const row = held.get(key)
      if (row?.value !== expected.value || (row?.index ?? 0) !== expected.index) {
        found.push(
          `I20 ${replica.node} holds ${key}=${row?.value} of ${row?.index}, its log says ${expected.value} of ${expected.index}`,
        )
      }
    }
  }
}

/** I20, I21: acknowledged writes are applied once; failed ones are nowhere. Where the others are: `checkQuarantine`. */
function checkWrites(history: History, replay: Replay, found: string[]): void {
  for (const operation of history.operations) {
    if (operation.kind !== 'write') continue
    if (operation.outcome === 'ok') {
      // A takeover may go back to before it, and a repetition of the request may have been applied there.
      const { under } = operation
      const mayBeLost = history.records.some(
        (record) => record.kind === 'taken' && under !== undefined && record.generation > under.generation,
      )
      for (const result of mayBeLost ? [] : operation.results) {
        const index = replay.firstIndex.get(pair(operation.session, result.sequence))
        if (index !== undefined && index !== result.index)
          found.push(`I20 ${pair(operation.session, result.sequence)} acknowledged at ${result.index}, is at ${index}`)
      }
    }
    if (operation.outcome === 'fail') {
      for (const item of operation.items) {
        const index = replay.firstIndex.get(pair(operation.session, item.sequence))
        if (index !== undefined)
          found.push(`I21 failed ${pair(operation.session, item.sequence)} is in the log at ${index}`)
      }
    }
  }
}

/** I18, values: a read returns exactly the state at the position it claims. */
function checkReads(history: History, log: FinalLog, replay: Replay, found: string[]): void {
  const taken = history.records.flatMap((record) => (record.kind === 'taken' ? [record.generation] : []))
  for (const read of history.operations) {
    if (read.kind !== 'read') continue
    if (!log.holds(read.readIndex, read.readToken)) {
      // Of a log that was left behind: the values it held are nobody's any more.
      const lost = taken.some((later) => later > read.under.generation)
      if (!lost) found.push(`I18 read at ${read.readIndex} of ${show(read.readToken)}, which is in no log`)
      continue
    }
    const expected = versionAt(replay, read.key, read.readIndex)
    if (expected.value !== read.value || expected.index !== read.valueIndex) {
      found.push(
        `I18 read of ${read.key} at ${read.readIndex} saw ${read.value} of ${read.valueIndex}, the log says ${expected.value} of ${expected.index}`,
      )
    }
  }
}

/** I18, real time: what begins after something has ended does not lie before it in the log. */
function checkRealTime(history: History, log: FinalLog, replay: Replay, found: string[]): void {
  const done: { atMs: number; position: number }[] = []
  const begun: { operation: ReadOperation | WriteOperation; position: number; lowest: number }[] = []
  for (const operation of history.operations) {
    if (operation.kind === 'write') {
      const kept = operation.results.filter(
        (result) => replay.firstIndex.get(pair(operation.session, result.sequence)) === result.index,
      )
      if (operation.outcome !== 'ok' || kept.length === 0) continue
      const indexes = kept.map((result) => result.index)
      done.push({ atMs: operation.returnedMs, position: Math.max(...indexes) })
      begun.push({ operation, position: Math.min(...indexes), lowest: 1 })
    } else if (operation.kind === 'read' && log.holds(operation.readIndex, operation.readToken)) {
      done.push({ atMs: operation.returnedMs, position: operation.readIndex })
      begun.push({ operation, position: operation.readIndex, lowest: 0 })
    }
  }
  done.sort((a, b) => a.atMs - b.atMs)
  begun.sort((a, b) => a.operation.invokedMs - b.operation.invokedMs)
  let at = 0
  let highest = 0
  for (const { operation, position, lowest } of begun) {
    for (let next = done[at]; next !== undefined && next.atMs < operation.invokedMs; next = done[++at]) {
      highest = Math.max(highest, next.position)
    }
    // A write's own entry is new, so it lies strictly above whatever had been seen; a read may see the same position.
    if (position < highest + lowest) {
      found.push(
        `I18 ${operation.kind} begun at ${operation.invokedMs} lies at ${position}, ${highest} had been seen before`,
      )
    }
  }
}

/** I28: a stale read lacks nothing that was acknowledged before the moment it claims, and shows what its position says. */
function checkStale(history: History, log: FinalLog, replay: Replay, found: string[]): void {
  const acknowledged: { readonly atMs: number; readonly position: number }[] = []
  for (const operation of history.operations) {
    if (operation.kind !== 'write' || operation.outcome !== 'ok') continue
    for (const { sequence, index } of operation.results) {
      if (replay.firstIndex.get(pair(operation.session, sequence)) !== index) continue
      acknowledged.push({ atMs: operation.returnedMs, position: index })
    }
  }
  for (const read of history.operations) {
    // Of a log that was left behind there is nothing to be held against.
    if (read.kind !== 'stale' || !log.holds(read.readIndex, read.readToken)) continue
    const expected = versionAt(replay, read.key, read.readIndex)
    if (expected.value !== read.value || expected.index !== read.valueIndex)
      found.push(`I28 stale read of ${read.key} at ${read.readIndex} saw ${read.value}, the log says ${expected.value}`)
    const lacks = acknowledged.find(({ atMs, position }) => atMs < read.asOfMs && position > read.readIndex)
    if (lacks !== undefined)
      found.push(
        `I28 stale read as of ${read.asOfMs} is at ${read.readIndex}, ${lacks.position} had been acknowledged at ${lacks.atMs}`,
      )
  }
}
