import { keyspaceName, nodeId, operationId, rangeId, regionId, zoneId } from './ids.ts'
import { formatKeyRange, keyOfText } from './key.ts'
import type { NodeRecord } from './node-record.ts'
import type { Page, ReplicaChange } from './page.ts'
import { RANGE_STATUSES } from './range-descriptor.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { generation, nodeEpoch } from './token.ts'

/** One-line worlds for the tests of this package. */

/**
 * Ranges of keyspace `cities` as `<id>:<start>-<end>`, then optionally `@<owner>`, `/<standby>` any number of times,
 * `#<generation>` and `!` for active, `>` for moving, `=` for frozen: `1:-g@eu/us#3! 2:g-`. Defaults: owner `eu`, no standby, generation 1, vacant.
 */
export function rangesOf(world: string): RangeDescriptor[] {
  return world.split(' ').filter(Boolean).map(rangeOf)
}

const STATUS_MARKS = { vacant: '', active: '!', moving: '>', frozen: '=' } as const
const RANGE = /^(\d+):([^-]*)-([^@#!>=]*)(?:@([a-z]+)((?:\/[a-z]+)*))?(?:#(\d+))?([!>=])?$/

function rangeOf(text: string): RangeDescriptor {
  const match = RANGE.exec(text)
  if (match === null) throw new Error(`no range: ${text}`)
  const [, id, start = '', end = '', owner = 'eu', standbys = '', gen = '1', mark = ''] = match
  return {
    rangeId: rangeId(Number(id)),
    keyspace: keyspaceName('cities'),
    start: keyOfText(start),
    end: keyOfText(end),
    owner: regionId(owner),
    standbys: standbys.split('/').filter(Boolean).map(regionId),
    generation: generation(BigInt(gen)),
    status: RANGE_STATUSES.find((status) => STATUS_MARKS[status] === mark) ?? 'vacant',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('world'),
    stamp: { wallMs: 1, counter: 0, origin: 'eu' },
  }
}

/** The reverse of `rangesOf`, with every part written out: `1:-g@eu/us#3!`. */
export function rangesText(ranges: readonly RangeDescriptor[]): string {
  return ranges
    .map(({ rangeId: id, start, end, owner, standbys, generation: gen, status }) =>
      [`${id}:${start}-${end}@`, [owner, ...standbys].join('/'), `#${gen}`, STATUS_MARKS[status]].join(''),
    )
    .join(' ')
}

/**
 * Nodes as `<id>@<zone>`, then optionally `*<capacity>`, `#<node epoch>` `-` for down, and `~` for draining, without blanks
 * inside.
 */
export function nodesOf(world: string): NodeRecord[] {
  return world
    .split(' ')
    .filter(Boolean)
    .map((text): NodeRecord => {
      const match = /^([a-z0-9]+)@([a-z0-9]+)(?:\*(\d+))?(?:#(\d+))?(-)?(~)?$/.exec(text)
      if (match === null) throw new Error(`no node: ${text}`)
      const [, id = '', zone = '', capacity = '100', life = '1', down, draining] = match
      return {
        nodeId: nodeId(id),
        region: regionId('eu'),
        zone: zoneId(zone),
        address: `${id}.test:7001`,
        capacity: Number(capacity),
        nodeEpoch: nodeEpoch(BigInt(life)),
        status: down === undefined ? 'up' : 'down',
        duty: draining === undefined ? 'serving' : 'draining',
      }
    })
}

/** `1#4 [, ∞) next 2: 1.0@ e1 a#1 abc, 1.1@g e2 - abc`: id, start, epoch, leader with its life or `-`, replicas;
 * `abc+d`: d joins; `abd(abc)`: both sets count. */
export function pageText(page: Page): string {
  const shards = page.shards.map((shard) => {
    const leader = shard.status === 'assigned' ? `${shard.leader}#${shard.leaderNodeEpoch}` : '-'
    return `${shard.shardId}@${shard.start} e${shard.epoch} ${leader} ${shard.replicas.join('')}${changeText(shard.change)}`
  })
  const kind = `${page.role === 'standby' ? ' standby' : ''}${page.freeze === undefined ? '' : ` frozen by ${page.freeze.operation}`}`
  return `${page.rangeId}#${page.generation}${kind} ${formatKeyRange(page)} next ${page.nextOrdinal}: ${shards.join(', ')}`
}

function changeText(change: ReplicaChange | undefined): string {
  if (change === undefined) return ''
  return change.kind === 'joining' ? `+${change.node}` : `(${change.prior.join('')})`
}
