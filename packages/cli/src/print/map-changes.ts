import { formatKeyRange, formatToken } from '@meridian/topology'
import type { KeyRange, RangeDescriptor } from '@meridian/topology'
import type { MapChange } from '../map-changes.ts'
import { policyText, rangeJson } from './ranges.ts'
import { shardJson } from './shards.ts'

const where = (item: KeyRange & { keyspace: string }): string => `${item.keyspace} ${formatKeyRange(item)}`

/** One line, without the time. */
export function changeLine(change: MapChange): string {
  switch (change.kind) {
    case 'range-created': {
      const { range } = change
      return `range ${range.rangeId} ${where(range)}: new, ${range.status}, owner ${range.owner}, generation ${range.generation}`
    }
    case 'range-removed':
      return `range ${change.range.rangeId} ${where(change.range)}: gone`
    case 'range-changed':
      return `range ${change.range.rangeId} ${where(change.range)}: ${differences(change.before, change.range).join(', ')}`
    case 'leader-changed': {
      const { before, shard } = change
      const leader = shard.leader ?? 'nobody'
      const led = before === shard.leader ? `leader ${leader}` : `leader ${before ?? 'nobody'} -> ${leader}`
      return `shard ${shard.shardId} ${where(shard)}: ${led}, ${formatToken(shard.token)}, ${shard.region}`
    }
  }
}

export function changeJson(change: MapChange, time: string) {
  switch (change.kind) {
    case 'range-created':
    case 'range-removed':
      return { time, kind: change.kind, range: rangeJson(change.range), before: null }
    case 'range-changed':
      return { time, kind: change.kind, range: rangeJson(change.range), before: rangeJson(change.before) }
    case 'leader-changed':
      return { time, kind: change.kind, shard: shardJson(change.shard), before: change.before ?? null }
  }
}

function differences(before: RangeDescriptor, after: RangeDescriptor): string[] {
  const said: string[] = []
  const compare = (name: string, a: string, b: string): void => {
    if (a !== b) said.push(`${name} ${a} -> ${b}`)
  }
  compare('owner', before.owner, after.owner)
  compare('generation', String(before.generation), String(after.generation))
  compare('status', before.status, after.status)
  if (before.start !== after.start || before.end !== after.end) said.push(`was ${formatKeyRange(before)}`)
  compare('failover', policyText(before), policyText(after))
  compare('standbys', before.standbys.join(' ') || 'none', after.standbys.join(' ') || 'none')
  return said
}
