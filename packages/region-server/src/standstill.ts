import type { OperationParts } from '@meridian/api'
import { standstillTimingOf } from '@meridian/deploy'
import type { Timing } from '@meridian/deploy'
import { PromiseKeeper, Standstill } from '@meridian/global'
import type { GlobalView, TakePromise } from '@meridian/global'
import type { Clock, Logger } from '@meridian/loop'
import { StandstillServiceDefinition } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import type { Store } from '@meridian/store'
import { MeridianError, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'

export interface StandstillSources {
  readonly region: RegionId
  /** E of this region, which keeps what it promised. */
  readonly regionStore: Store
  readonly globalView: Pick<GlobalView, 'regions'>
  /** See `RegionAgent.globalAgeMs`. */
  readonly globalAgeMs: () => number
  readonly pool: ChannelPool
  readonly timing: Timing
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
}

export interface OpenStandstill {
  readonly standstill: Standstill
  readonly promises: PromiseKeeper
  readonly parts: Required<Pick<OperationParts, 'standstill' | 'promises'>>
}

/** Longest wait for one server's answer, ms; whoever asks has a shorter patience of its own. */
const ASKED_MS_MAX = 5000

/** Both sides of a standstill: the region's own word, and what it asks of the others. Dispose of `promises`. */
export async function openStandstill(sources: StandstillSources, signal: AbortSignal): Promise<OpenStandstill> {
  const { region, regionStore: store, globalView, pool, timing, clock, random } = sources
  const { promiseMs, askBelowMs, askEveryMs, globalSilentMs } = standstillTimingOf(timing)
  const log = sources.log.child({ component: 'standstill' })
  const members = (): RegionId[] => [...globalView.regions.keys()]
  const globalWorks = (): boolean => sources.globalAgeMs() < globalSilentMs
  const promises = await PromiseKeeper.open(
    { region, store, globalWorks, members, promiseMs, clock, log, random },
    signal,
  )
  const standstill = new Standstill({
    region,
    members,
    ask: (asked, abort) => {
      if (asked === region) return promises.promise(region, abort)
      const servers = globalView.regions.get(asked)?.servers ?? []
      return anyServer(asked, servers, (address) => askServer(pool, address, region, abort))
    },
    askBelowMs,
    askEveryMs,
    clock,
    log,
  })
  return { standstill, promises, parts: { standstill, promises } }
}

async function askServer(
  pool: ChannelPool,
  address: string,
  region: RegionId,
  signal: AbortSignal,
): Promise<TakePromise> {
  const client = clientOf(StandstillServiceDefinition, pool.channel(address))
  const { promiseMs, members } = await client.standStill({ region }, { timeoutMs: ASKED_MS_MAX, signal })
  return { promiseMs, members: members.map(regionId) }
}

/**
 * Asks all at once, for the word of any binds them all and there is no time to wait for a dead one.
 *
 * @throws what one of them threw when none promised
 */
async function anyServer(
  region: RegionId,
  servers: readonly string[],
  ask: (address: string) => Promise<TakePromise>,
): Promise<TakePromise> {
  if (servers.length === 0) throw new MeridianError('UNAVAILABLE', `no server of ${region} is known`)
  try {
    return await Promise.any(servers.map(ask))
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error
  }
}
