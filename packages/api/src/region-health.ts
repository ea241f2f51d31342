import type { RegionSight } from '@meridian/global'
import type { RegionHealth } from '@meridian/protocol'
import type { ControllerHealth } from '@meridian/region'
import { counted, rangeIsOpen } from '@meridian/topology'
import type { RangeDescriptor, RangeId, RegionId } from '@meridian/topology'

/** Without an answer for longer than this a tier counts as silent, ms: more than an election of its leader takes. */
const TIER_SILENT_MS = 6000
/** Drains told of one by one. */
const DRAINS_MAX = 8
/** A map of another region older than this is worth saying, ms. */
const MAP_OLD_MS = 5000

/** What a server knows of its own region beside what G says. */
export interface OwnRegion {
  /** Since G last answered a renewal of the region's lease, ms. */
  readonly globalAgeMs: number
  readonly regionalAgeMs: number
  /** What is left of the region's lease, ms. */
  readonly leaseMs: number
  /** For how long every region has promised to take nothing, ms; 0 when they have not. */
  readonly standstillMs: number
  /** What is left for each open range of the region, ms: the lease, or longer. */
  readonly rangesMs: readonly number[]
  readonly hasController: boolean
  readonly nodesUp: number
  readonly nodesDown: number
  readonly shardsLeaderless: number
  /** Undefined where another server is the controller, and knows. */
  readonly controller: ControllerHealth | undefined
}

export interface RegionFacts {
  readonly region: RegionId
  readonly displayName: string
  /** Undefined: it never had a lease. */
  readonly sight: Pick<RegionSight, 'record' | 'verdict' | 'stillMs'> | undefined
  readonly drained: boolean
  readonly ranges: readonly RangeDescriptor[]
  /** Entries that the region's copy of a range lacks; undefined when nobody told. */
  readonly lagOf: (range: RangeId) => bigint | undefined
  /** L_R, ms. */
  readonly leaseMs: number
  /** Of a region that is not the own one: since its map was last heard of, ms; undefined: never. */
  readonly mapAgeMs: number | undefined
  /** Undefined for every region but the one whose server tells. */
  readonly own: OwnRegion | undefined
}

/** What still works in a region and for how long, in words; a function of what a server knows. */
export function regionHealth(facts: RegionFacts): RegionHealth {
  const { region, displayName, sight, drained, ranges } = facts
  const owned = ranges.filter(({ owner }) => owner === region)
  const open = owned.filter(rangeIsOpen)
  const { works, impaired } = facts.own === undefined ? otherWords(facts, open) : ownWords(facts.own, open)
  const frozen = open.filter(({ status }) => status === 'frozen').length
  const moving = open.filter(({ status }) => status === 'moving').length
  if (moving > 0) works.push(`${counted(moving, 'range')} on the way to another region, taking writes`)
  if (frozen > 0) impaired.push(`${counted(frozen, 'range')} taking no writes for a moment: changing owner`)
  if (drained) impaired.push('drained: no range is given to it')
  if (facts.own !== undefined && sight?.record.status === 'barred')
    impaired.push('it was given up by hand: it renews no lease until somebody returns it')
  const followed = ranges.filter(({ standbys }) => standbys.includes(region))
  const lags = followed.flatMap(({ rangeId }) => facts.lagOf(rangeId) ?? [])
  const { continuesMs, continuesBy } = facts.own === undefined ? otherOutlook(facts, open) : ownOutlook(facts.own)
  return {
    region,
    displayName,
    status: sight?.record.status ?? 'unknown',
    term: sight?.record.term ?? 0n,
    counter: sight?.record.counter ?? 0n,
    silentMs: BigInt(Math.max(0, Math.round(sight?.stillMs ?? 0))),
    drained,
    rangesOwned: owned.length,
    rangesFollowed: followed.length,
    lagEntries: lags.reduce((sum, lag) => sum + lag, 0n),
    lagRanges: lags.length,
    continuesMs: BigInt(Math.max(0, Math.floor(continuesMs))),
    continuesBy: continuesMs > 0 ? continuesBy : '',
    works,
    impaired,
  }
}

interface Words {
  readonly works: string[]
  readonly impaired: string[]
}

function ownWords(own: OwnRegion, open: readonly RangeDescriptor[]): Words {
  const works: string[] = []
  const impaired: string[] = []
  const writable = own.rangesMs.filter((ms) => ms > 0).length
  if (writable > 0) works.push(`writes of ${writable} of ${counted(open.length, 'range')}, reads of all`)
  else if (open.length > 0) works.push('reads that ask a quorum, and stale ones')
  if (writable < open.length) {
    impaired.push(
      `writes of ${counted(open.length - writable, 'range')} are refused: the region cannot prove its ownership`,
    )
  }
  if (own.standstillMs > own.leaseMs) {
    works.push(`every region has promised to take nothing for ${seconds(own.standstillMs)}`)
  }
  if (own.globalAgeMs <= TIER_SILENT_MS) works.push('changes of owners and bounds')
  else {
    impaired.push(
      `the global tier has not answered for ${seconds(own.globalAgeMs)}: no range changes its owner or bounds`,
    )
  }
  if (own.regionalAgeMs > TIER_SILENT_MS) {
    impaired.push(`the regional tier has not answered for ${seconds(own.regionalAgeMs)}: leaders stay who they are`)
  } else if (own.hasController) works.push('failover of leaders inside the region')
  else impaired.push('no controller is elected: leaders stay who they are')
  if (own.shardsLeaderless > 0) impaired.push(`${counted(own.shardsLeaderless, 'shard')} without a leader`)
  if (own.nodesDown > 0) impaired.push(`${own.nodesDown} of ${counted(own.nodesUp + own.nodesDown, 'node')} down`)
  if (own.controller?.brake !== undefined) {
    const { silent, nextInMs } = own.controller.brake
    impaired.push(
      `${silent.length} nodes fell silent at once: they are given up one by one, the next in ${seconds(nextInMs)}`,
    )
  }
  for (const { nodeId, duty, led, held, indispensable } of own.controller?.drains.slice(0, DRAINS_MAX) ?? []) {
    works.push(`${nodeId} is ${duty}: it leads ${counted(led, 'shard')} and holds ${held}`)
    if (indispensable > 0)
      impaired.push(`${counted(indispensable, 'shard')} without a write quorum when ${nodeId} goes`)
  }
  return { works, impaired }
}

function otherWords({ sight, mapAgeMs }: RegionFacts, open: readonly RangeDescriptor[]): Words {
  const works: string[] = []
  const impaired: string[] = []
  if (sight === undefined) impaired.push('it never had a lease')
  else {
    const { verdict, stillMs } = sight
    switch (verdict) {
      case 'renewing':
        works.push(
          open.length === 0
            ? 'its lease is renewed'
            : `its lease is renewed: writes of ${counted(open.length, 'range')}`,
        )
        break
      case 'late':
        impaired.push(`its lease was not renewed for ${seconds(stillMs)}: no range is given to it`)
        break
      case 'overdue':
        impaired.push(`its lease was not renewed for ${seconds(stillMs)}: its ranges may be taken`)
        break
      case 'silent':
        impaired.push('its authority was taken after a silence: its ranges go to standbys')
        break
      case 'barred':
        impaired.push('it was given up by hand; its leases may still run')
        break
      case 'gone':
        impaired.push('it was given up by hand: its ranges go to standbys')
        break
    }
  }
  if (mapAgeMs === undefined) impaired.push('its map was never heard of here')
  else if (mapAgeMs > MAP_OLD_MS) impaired.push(`its map was last heard of ${seconds(mapAgeMs)} ago`)
  return { works, impaired }
}

interface Outlook {
  readonly continuesMs: number
  readonly continuesBy: string
}

/** The shortest that any of its ranges has left counts. */
function ownOutlook({ leaseMs, standstillMs, rangesMs }: OwnRegion): Outlook {
  if (rangesMs.length === 0) return { continuesMs: leaseMs, continuesBy: 'lease' }
  const shortest = Math.min(...rangesMs)
  if (shortest <= leaseMs) return { continuesMs: shortest, continuesBy: 'lease' }
  return { continuesMs: shortest, continuesBy: standstillMs >= shortest ? 'standstill' : 'budget' }
}

/** From here only its renewals are seen: what its agents count on began at the latest one at the latest. */
function otherOutlook({ sight, leaseMs }: RegionFacts, open: readonly RangeDescriptor[]): Outlook {
  if (sight === undefined || sight.record.status !== 'live') return { continuesMs: 0, continuesBy: '' }
  const bought = open.map(({ failover, budgetMs }) => (failover === 'manual' ? Math.max(budgetMs, leaseMs) : leaseMs))
  const shortest = bought.length === 0 ? leaseMs : Math.min(...bought)
  return { continuesMs: shortest - sight.stillMs, continuesBy: shortest > leaseMs ? 'budget' : 'lease' }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
