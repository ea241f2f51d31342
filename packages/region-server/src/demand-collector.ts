import type { RegionServers } from '@meridian/deploy'
import type { Clock, Logger } from '@meridian/loop'
import { TaxServiceDefinition } from '@meridian/protocol'
import type { TaxRow } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import type { Demand, Surplus, SurplusSample } from '@meridian/tax'
import { isMeridianError } from '@meridian/topology'

const COLLECT_EVERY_MS = 5000
const ANSWER_MS_MAX = 2000

/** What nobody asked for, and reads; the rest of what is done at G is what clients wait for. */
const NO_DEMAND = new Set(['renew-region-lease', 'lookup'])

type Counted = Pick<TaxRow, 'tier' | 'operation' | 'clientRegion' | 'count'>
type Timed = Counted & Pick<TaxRow, 'p50Ms' | 'floorMs'>

const isDemand = ({ tier, operation }: Counted): boolean => tier === 'global' && !NO_DEMAND.has(operation)

/** What they took beside their floors, where these were known. */
export function surplusOf(rows: readonly Timed[]): SurplusSample[] {
  return rows
    .filter((row) => isDemand(row) && row.floorMs > 0)
    .map(({ count, p50Ms, floorMs }) => ({ count: Number(count), p50Ms, floorMs }))
}

/** Commits that a server has carried out at G for clients so far, by client region. */
export function demandOf(rows: readonly Counted[]) {
  const commits = new Map<string, number>()
  for (const { clientRegion, count } of rows.filter(isDemand)) {
    commits.set(clientRegion, (commits.get(clientRegion) ?? 0) + Number(count))
  }
  return commits
}

/**
 * Asks every server of every region every few seconds what it has counted, and records what came to it since. What was
 * counted before the first answer of a server is not demand of now; a count that fell is that of a new process.
 */
export async function collectDemand(
  demand: Demand,
  surplus: Surplus,
  regions: readonly RegionServers[],
  pool: ChannelPool,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const counted = new Map<string, ReadonlyMap<string, number>>()
  const ask = async (address: string): Promise<void> => {
    try {
      const client = clientOf(TaxServiceDefinition, pool.channel(address))
      const { rows } = await client.getTax({}, { timeoutMs: ANSWER_MS_MAX, signal })
      surplus.told(address, surplusOf(rows))
      const now = demandOf(rows)
      const before = counted.get(address)
      counted.set(address, now)
      if (before === undefined) return
      for (const [region, count] of now) {
        const known = before.get(region) ?? 0
        const came = count >= known ? count - known : count
        if (came > 0) demand.record(region, came)
      }
    } catch (error) {
      if (signal.aborted) return
      if (!isMeridianError(error)) throw error
      log.debug({ err: error, address }, 'demand not told')
    }
  }
  while (!signal.aborted) {
    await Promise.all(regions.flatMap(({ servers }) => servers).map(ask))
    await clock.sleep(COLLECT_EVERY_MS, signal).catch(() => {})
  }
}
