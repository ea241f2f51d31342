import { counted } from '@meridian/topology'
import type { GetStatusResponse, Operation, RegionHealth } from '@meridian/protocol'
import { printable } from '../printable.ts'
import { formatMs } from '../duration.ts'
import { operationJson, operationLines } from './operations.ts'
import { continuesText, healthFacts, regionHealthJson } from './regions.ts'
import { cutTo, tableLines, wrapText } from './table.ts'
import type { Cell, Layout } from './table.ts'

/** What a region said of itself, or why it said nothing. */
export interface RegionStatus {
  readonly region: string
  readonly displayName: string
  readonly answer:
    | {
        readonly ok: true
        readonly status: GetStatusResponse
        /** What still works there, by its own words; undefined when its server did not say. */
        readonly health: RegionHealth | undefined
      }
    | { readonly ok: false; readonly code: string; readonly message: string }
}

/** Lines that one complaint may take. */
const COMPLAINT_LINES_MAX = 4

type Tier = NonNullable<GetStatusResponse['global']>

/** All that is told at one moment. */
export interface WorldStatus {
  readonly regions: readonly RegionStatus[]
  /** In flight; undefined when nobody told. */
  readonly operations: readonly Operation[] | undefined
}

export function statusJson({ regions, operations }: WorldStatus) {
  return { regions: regions.map(regionJson), operations: operations?.map(operationJson) ?? null }
}

function regionJson({ region, displayName, answer }: RegionStatus) {
  if (!answer.ok) {
    const { code, message } = answer
    return { region, displayName, error: { code, message }, status: null, health: null }
  }
  const { status, health } = answer
  return {
    region,
    displayName,
    error: null,
    status: {
      server: status.server,
      global: status.global ?? null,
      regional: status.regional ?? null,
      lease: status.lease ?? null,
      controller: status.controller,
      publisher: status.publisher,
      nodes: status.nodes,
      positions: status.positions.map(positionJson),
      rangesOwned: status.rangesOwned,
      shards: status.shards,
      shardsLeaderless: status.shardsLeaderless,
      followers: status.followers.map(({ follower, life, silentMs, positions }) => ({
        follower,
        life,
        silentMs,
        positions: positions.map(positionJson),
      })),
    },
    health: health === undefined ? null : regionHealthJson(health),
  }
}

function positionJson({ stream, position }: GetStatusResponse['positions'][number]) {
  return { stream, incarnation: position?.incarnation ?? 0n, revision: position?.revision ?? 0n }
}

/** @param wallMs now, for the ages of operations */
export function statusLines({ regions, operations = [] }: WorldStatus, wallMs: number, layout: Layout): string[] {
  const places = votersOf(regions)
  const lines = regions.flatMap((region, at) => [...(at === 0 ? [] : ['']), ...regionLines(region, places, layout)])
  if (operations.length === 0) return lines
  return [...lines, '', layout.paint('title', 'in flight'), ...operationLines(operations, wallMs, layout)]
}

/** Each region asks its own voter of G, so the answers together tell in which region a member is. */
function votersOf(regions: readonly RegionStatus[]): ReadonlyMap<string, string> {
  return new Map(
    regions.flatMap(({ region, answer }) => {
      const member = answer.ok ? (answer.status.global?.member ?? '') : ''
      return member === '' ? [] : [[member, region]]
    }),
  )
}

function regionLines(
  { region, displayName, answer }: RegionStatus,
  places: ReadonlyMap<string, string>,
  layout: Layout,
): string[] {
  const { paint, width } = layout
  const title = cutTo(printable(displayName === '' ? region : `${region}  ${displayName}`), width)
  if (!answer.ok) {
    const complaint = complaintLines(`no answer, ${answer.code}: ${answer.message}`, width)
    return [paint('title', title), ...complaint.map((line) => paint('bad', line))]
  }
  const { status, health } = answer
  return [
    paint('title', title),
    ...factLines(status, layout),
    ...(health === undefined ? [] : healthLines(health, layout)),
    ...tierLines(status, places, layout),
    ...nodeLines(status, layout),
    ...positionLines(status, layout),
  ]
}

function factLines(status: GetStatusResponse, layout: Layout): string[] {
  const { paint, width } = layout
  const { lease, shardsLeaderless } = status
  const held =
    lease !== undefined && lease.remainingMs > 0
      ? `${paint('good', `${formatMs(lease.remainingMs)} left`)}, term ${lease.term}, renewals ${lease.counter}`
      : paint('bad', 'none left')
  const facts = [
    ['server', cutTo(printable(status.server), width - 15)],
    ['region lease', held],
    ['controller', cutTo(printable(status.controller) || 'none known', width - 15)],
    ['publisher', cutTo(printable(status.publisher) || 'none known', width - 15)],
    [
      'owns',
      `${counted(status.rangesOwned, 'range')}, ${counted(status.shards, 'shard')}, ` +
        paint(shardsLeaderless > 0 ? 'bad' : 'plain', `${shardsLeaderless} leaderless`),
    ],
    ['followers', String(status.followers.length)],
  ] as const
  return facts.map(([name, value]) => `  ${name.padEnd(12)} ${value}`)
}

/** What would be left without G, and what is left now. */
function healthLines(health: RegionHealth, layout: Layout): string[] {
  const alone = health.continuesMs === 0n ? 'no writes' : `writes go on for ${continuesText(health)}`
  const { rangesFollowed, lagRanges, lagEntries } = health
  const lag = lagRanges === 0 ? '' : `; copies of ${lagRanges} lack ${lagEntries} entries`
  return [
    `  ${'without G'.padEnd(12)} ${cutTo(alone, layout.width - 15)}`,
    `  ${'follows'.padEnd(12)} ${counted(rangesFollowed, 'range')}${lag}`,
    ...healthFacts(health, layout),
  ]
}

function tierLines(status: GetStatusResponse, places: ReadonlyMap<string, string>, layout: Layout): string[] {
  const rows = [tierRow('G', status.global, places), tierRow('E', status.regional, places)]
  const table = tableLines(
    [
      { title: 'tier' },
      { title: 'leader', cut: true },
      { title: 'asked', cut: true },
      { title: 'raft term', align: 'right' },
      { title: 'revision', align: 'right' },
      { title: 'etcd', cut: true },
    ],
    rows,
    layout,
    2,
  )
  const errors = [
    ['G', status.global],
    ['E', status.regional],
  ] as const
  for (const [name, tier] of errors) {
    if (tier === undefined || tier.error === '') continue
    table.push(...complaintLines(`${name}: ${tier.error}`, layout.width).map((line) => layout.paint('bad', line)))
  }
  return table
}

function complaintLines(text: string, width: number): string[] {
  const lines = wrapText(printable(text), width - 4).slice(0, COMPLAINT_LINES_MAX)
  return lines.map((line, at) => (at === 0 ? '  ' : '    ') + cutTo(line, width - 4))
}

function tierRow(name: string, tier: Tier | undefined, places: ReadonlyMap<string, string>): Cell[] {
  if (tier === undefined || tier.error !== '') return [name, { text: 'no answer', tone: 'bad' }, '-', '-', '-', '-']
  const leader: Cell =
    tier.leader === '' ? { text: 'none', tone: 'bad' } : printable(places.get(tier.leader) ?? tier.leader)
  return [
    name,
    leader,
    printable(places.get(tier.member) ?? tier.member),
    String(tier.raftTerm),
    String(tier.revision),
    printable(tier.version),
  ]
}

function nodeLines(status: GetStatusResponse, layout: Layout): string[] {
  if (status.nodes.length === 0) return [`  ${layout.paint('bad', 'no nodes')}`]
  return tableLines(
    [
      { title: 'node', cut: true },
      { title: 'zone', cut: true },
      { title: 'status' },
      { title: 'epoch', align: 'right' },
      { title: 'leads', align: 'right' },
      { title: 'holds', align: 'right' },
      { title: 'silent', align: 'right' },
    ],
    status.nodes.map((node) => [
      printable(node.nodeId),
      printable(node.zone),
      { text: printable(node.status), tone: node.status === 'up' ? 'good' : 'bad' },
      String(node.nodeEpoch),
      String(node.shardsLed),
      String(node.shardsHeld),
      formatMs(Number(node.silentMs)),
    ]),
    layout,
    2,
  )
}

function positionLines(status: GetStatusResponse, layout: Layout): string[] {
  if (status.positions.length === 0) return []
  return tableLines(
    [
      { title: 'stream', cut: true },
      { title: 'incarnation', align: 'right' },
      { title: 'revision', align: 'right' },
    ],
    status.positions.map(({ stream, position }) => [
      printable(stream),
      String(position?.incarnation ?? 0n),
      String(position?.revision ?? 0n),
    ]),
    layout,
    2,
  )
}
