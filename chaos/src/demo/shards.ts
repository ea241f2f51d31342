import type { Route } from '@meridian/router'
import { keyOfText, MeridianError } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import { placeKey } from '../cities/place.ts'
import type { Place } from '../cities/place.ts'
import type { CountryPlan } from '../cities/plan.ts'
import type { DemoContext } from './demo-context.ts'
import { clientIn } from './demo-context.ts'

/** The places of a country, shard by shard. */
export function placesByShard({ places, shardBounds }: CountryPlan): readonly (readonly Place[])[] {
  const shards: Place[][] = [[]]
  for (const place of places) {
    const bound = shardBounds[shards.length - 1]
    if (bound !== undefined && placeKey(place) >= bound) shards.push([])
    shards.at(-1)?.push(place)
  }
  return shards
}

/** A shard with a place in it: keys below that place's key are in the shard as well. */
export interface KnownShard {
  readonly region: string
  readonly country: string
  readonly anchor: Place
  readonly route: Route
}

/** Every shard as the client of its own region routes to it now; one without a route is left out. */
export function knownShards(context: DemoContext): readonly KnownShard[] {
  return context.plan.flatMap((country) => {
    const { router } = clientIn(context, country.region).client
    return placesByShard(country).flatMap(([anchor]) => {
      if (anchor === undefined) return []
      const result = router.route(context.keyspace, placeKey(anchor))
      return result.ok ? [{ region: country.region, country: country.country, anchor, route: result.route }] : []
    })
  })
}

/** The node of `region` that leads most shards, with those shards. */
export function busiestLeader(
  context: DemoContext,
  region: string,
): { readonly node: string; readonly processName: string; readonly shards: readonly KnownShard[] } {
  const byLeader = Map.groupBy(
    knownShards(context).filter((shard) => shard.region === region),
    (shard) => shard.route.leader,
  )
  const [busiest] = [...byLeader].toSorted(([, a], [, b]) => b.length - a.length)
  const node = context.world.regions.find((each) => each.id === region)?.nodes.find((each) => each.id === busiest?.[0])
  if (busiest === undefined || node === undefined) {
    throw new MeridianError('UNAVAILABLE', `no node of ${region} leads a shard`)
  }
  return { node: node.id, processName: node.processName, shards: busiest[1] }
}

/** A key of the demo's own beside a real place, in the same shard: `DE/2950159/<name>`. */
export const besideKey = (place: Place, name: string): Key => keyOfText(`${placeKey(place)}/${name}`)

/** Where the shard of `shard` is served now, as its own region's client knows. */
export function routeNow(context: DemoContext, shard: KnownShard): Route | undefined {
  const result = clientIn(context, shard.region).client.router.route(context.keyspace, placeKey(shard.anchor))
  return result.ok ? result.route : undefined
}
