import type { Clock } from '@meridian/loop'
import type { RecordChange, Store } from '@meridian/store'
import { decodeNode, decodePage, RENEWALS_KEY } from '@meridian/topology'
import type { Revision, Shard } from '@meridian/topology'

/**
 * For tests: what E's history itself says, watched over a connection of its own, and the rules it must keep. Shares
 * record codecs with the controller, and no decision.
 */

export interface Commit {
  readonly revision: bigint
  readonly atMs: number
  readonly changes: readonly RecordChange[]
}

export async function witness(store: Store, clock: Clock, into: Commit[], signal: AbortSignal): Promise<void> {
  for await (const event of store.watch({ fromRevision: 1n as Revision, prefixes: ['/'], signal })) {
    if (event.kind === 'changes') {
      into.push({ revision: event.revision, atMs: clock.nowMs(), changes: event.changes })
    }
  }
}

/** A lease that a node counts from `sentMs`, and what the node had applied at which time. */
export interface NodeTrace {
  readonly nodeId: string
  readonly leases: readonly { readonly nodeEpoch: bigint; readonly untilMs: number; readonly grantedMs: number }[]
  readonly applied: readonly { readonly atMs: number; readonly revision: bigint }[]
  /** When lives of this node ended, whatever leases they had: life, time. */
  readonly ends: ReadonlyMap<bigint, number>
}

interface Lead {
  readonly token: readonly [bigint, bigint]
  readonly leader: string
  readonly life: bigint
  removedRevision: bigint | undefined
}

/** Every broken rule, in words; empty when none is. */
export function violations(
  commits: readonly Commit[],
  traces: readonly NodeTrace[],
  waitMs: number,
  /** `1.0 g1.e2`: tokens under which a leader said that it served. */
  served: ReadonlySet<string> = new Set(),
): string[] {
  const found: string[] = []
  const say = (commit: Commit, text: string): void => {
    found.push(`revision ${commit.revision} at ${commit.atMs} ms: ${text}`)
  }
  const leaders = new Map<string, string>()
  const tokens = new Map<string, readonly [bigint, bigint]>()
  const leads = new Map<string, Lead[]>()
  const lives = new Map<string, { epoch: bigint; up: boolean }>()
  const renewedMs = new Map<string, number>()
  const counters = new Map<string, string>()
  const electors = new Map<string, bigint>()
  const sets = new Map<string, string>()
  const successions: { old: Lead; name: string; commit: Commit }[] = []
  let stamp = ''

  for (const commit of commits) {
    let ordering = false
    for (const { key, value } of commit.changes) {
      if (key.startsWith('/elect/')) {
        if (value === undefined) electors.delete(key)
        else if (!electors.has(key)) electors.set(key, commit.revision)
      } else if (key === RENEWALS_KEY && value !== undefined) {
        const parsed = JSON.parse(Buffer.from(value).toString()) as { elect: string; nodes: string[][] }
        // I8: the writer's token is the one in force.
        const elect = [...electors.values()].reduce((a, b) => (a < b ? a : b), commit.revision)
        if (BigInt(parsed.elect) !== elect) say(commit, `renewals by controller ${parsed.elect}, in force is ${elect}`)
        for (const [id = '', life = '', counter = ''] of parsed.nodes) {
          const now = `${life}/${counter}`
          if (counters.get(id) !== now) renewedMs.set(`${id}#${life}`, commit.atMs)
          counters.set(id, now)
        }
      } else if (key.startsWith('/node/') && value !== undefined) {
        ordering = true
        const node = decodeNode(value)
        const before = lives.get(node.nodeId)
        // Under the same epoch it may be wanted for something else, and nothing more.
        const same = node.nodeEpoch === before?.epoch && (node.status === 'up') === before.up
        if (before !== undefined && node.nodeEpoch <= before.epoch && !same) {
          say(commit, `node ${node.nodeId} went from epoch ${before.epoch} to ${node.nodeEpoch}`)
        }
        if (node.status === 'down' && before?.up === true) {
          const sinceMs = renewedMs.get(`${node.nodeId}#${before.epoch}`) ?? -Infinity
          if (commit.atMs - sinceMs < waitMs) {
            say(commit, `node ${node.nodeId} was given up ${commit.atMs - sinceMs} ms after a renewal`)
          }
        }
        lives.set(node.nodeId, { epoch: node.nodeEpoch, up: node.status === 'up' })
      } else if (key.startsWith('/page/')) {
        ordering = true
      } else if (key === '/stamp' && value !== undefined) {
        const next = Buffer.from(value).toString()
        if (next <= stamp) say(commit, `stamp ${next} after ${stamp}`)
        stamp = next
      }
    }
    if (!ordering) continue
    if (!commit.changes.some(({ key }) => key === '/stamp')) say(commit, 'an ordering event without a stamp')
    for (const { key, value } of commit.changes) {
      if (!key.startsWith('/page/') || value === undefined) continue
      const page = decodePage(value)
      for (const shard of page.shards) {
        const token = [page.generation, shard.epoch] as const
        const name = `${shard.shardId} g${token[0]}.e${token[1]}`
        const earlier = tokens.get(shard.shardId)
        const joint = `${shard.shardId} g${earlier?.[0]}.e${earlier?.[1]}`
        if (sets.get(shard.shardId)?.endsWith('|') === false && shard.change === undefined && page.role === 'owner') {
          // I14, I19: what only the old set may hold is held by the new one from the joint leader's barrier on.
          if (!served.has(joint))
            say(commit, `${name} counts on the new replicas alone, and nobody served under ${joint}`)
        }
        const complaint = page.role === 'owner' ? movedWrongly(sets, shard) : undefined
        if (complaint !== undefined) say(commit, complaint)
        if (page.role === 'standby') sets.delete(shard.shardId)
        const leader = shard.status === 'assigned' ? `${shard.leader}#${shard.leaderNodeEpoch}` : '-'
        const known = leaders.get(name)
        if (known !== undefined && known !== leader) say(commit, `token ${name} means ${known} and ${leader}`)
        leaders.set(name, leader)
        const last = tokens.get(shard.shardId)
        if (last !== undefined && (token[0] < last[0] || (token[0] === last[0] && token[1] < last[1]))) {
          say(commit, `the token of ${shard.shardId} fell from g${last[0]}.e${last[1]} to g${token[0]}.e${token[1]}`)
        }
        const past = leads.get(shard.shardId) ?? []
        leads.set(shard.shardId, past)
        const current = past.at(-1)
        const changed = last === undefined || last[0] !== token[0] || last[1] !== token[1]
        tokens.set(shard.shardId, token)
        if (!changed) continue
        if (current !== undefined && current.removedRevision === undefined) {
          current.removedRevision = commit.revision
        }
        if (shard.status !== 'assigned') continue
        for (const old of past) {
          if (old.leader !== shard.leader || old.life !== shard.leaderNodeEpoch) successions.push({ old, name, commit })
        }
        past.push({ token, leader: shard.leader, life: shard.leaderNodeEpoch, removedRevision: undefined })
      }
    }
  }
  for (const { old, name, commit } of successions) {
    const trace = traces.find(({ nodeId }) => nodeId === old.leader)
    // I9: whoever may answer lease reads under an older token when a newer leader may acknowledge writes.
    const serves = trace === undefined ? undefined : servesAfter(trace, old, commit.atMs)
    if (serves !== undefined) say(commit, `${name} has a leader, and ${old.leader}#${old.life} still serves ${serves}`)
  }
  return found
}

/** From one set of replicas to the next only by way of both (T9). */
function movedWrongly(sets: Map<string, string>, { shardId, replicas, change }: Shard): string | undefined {
  const now = `${replicas.join()}|${change?.kind === 'joint' ? change.prior.join() : ''}`
  const before = sets.get(shardId)
  sets.set(shardId, now)
  if (before === undefined || before === now) return undefined
  const [old, oldPrior] = before.split('|')
  const [next, prior] = now.split('|')
  const right = (oldPrior === '' && prior === old) || (prior === '' && oldPrior !== '' && next === old)
  return right ? undefined : `shard ${shardId} went from replicas ${before} to ${now}`
}

/** How the old leader may answer lease reads at or after `fromMs`, if it may. */
function servesAfter(trace: NodeTrace, old: Lead, fromMs: number): string | undefined {
  const endMs = trace.ends.get(old.life) ?? Infinity
  for (const { nodeEpoch, untilMs, grantedMs } of trace.leases) {
    const atMs = Math.max(grantedMs, fromMs)
    if (nodeEpoch !== old.life || atMs >= untilMs || atMs >= endMs) continue
    const applied = trace.applied.findLast((each) => each.atMs <= atMs)?.revision ?? 0n
    if (applied < (old.removedRevision ?? 0n)) {
      return `at ${atMs} ms, lease until ${untilMs} ms, applied ${applied} of ${old.removedRevision}`
    }
  }
  return undefined
}
