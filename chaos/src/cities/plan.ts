import { greatCircleKm } from '@meridian/tax'
import type { Coordinates } from '@meridian/tax'
import { EMPTY_KEY, keyOfText, MeridianError } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import { placeKey } from './place.ts'
import type { Place } from './place.ts'

/** A country of more places is cut into shards of about equal size. */
export const PLACES_PER_SHARD_MAX = 3000

export interface Home {
  readonly region: string
  readonly coordinates: Coordinates
}

/** One country: one range, homed as a whole in one region. */
export interface CountryPlan {
  readonly country: string
  readonly region: string
  /** Where its range starts: the empty key for the first, so that no key is outside of every range. */
  readonly start: Key
  /** Keys of real places that its second and later shards start at. */
  readonly shardBounds: readonly Key[]
  /** In key order. */
  readonly places: readonly Place[]
}

/**
 * Which ranges there are and where each is at home: a function of the places and the regions. Ranges are in key order
 * and together cover every key; each reaches to the start of the next.
 *
 * @param places in key order
 */
export function planCountries(places: readonly Place[], homes: readonly Home[]): readonly CountryPlan[] {
  const byCountry = Map.groupBy(places, (place) => place.country)
  return [...byCountry].map(([country, own], i) => ({
    country,
    region: nearest(homes, populationCentre(own)).region,
    start: i === 0 ? EMPTY_KEY : keyOfText(country),
    shardBounds: boundsOf(own),
    places: own,
  }))
}

/**
 * The mean of the places' directions from the centre of the earth, each weighted by its inhabitants: unlike a mean of
 * degrees it is right for countries on both sides of the date line. A place that claims nobody still counts as one.
 */
export function populationCentre(places: readonly Place[]): Coordinates {
  let [x, y, z] = [0, 0, 0]
  for (const { latitude, longitude, population } of places) {
    const [lat, lon] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180]
    const weight = Math.max(1, population)
    x += weight * Math.cos(lat) * Math.cos(lon)
    y += weight * Math.cos(lat) * Math.sin(lon)
    z += weight * Math.sin(lat)
  }
  const degrees = (radians: number) => (radians * 180) / Math.PI
  return { latitude: degrees(Math.atan2(z, Math.hypot(x, y))), longitude: degrees(Math.atan2(y, x)) }
}

function nearest(homes: readonly Home[], centre: Coordinates): Home {
  const [best] = homes.toSorted((a, b) => greatCircleKm(a.coordinates, centre) - greatCircleKm(b.coordinates, centre))
  if (best === undefined) throw new MeridianError('INVALID_ARGUMENT', 'a plan needs at least one region')
  return best
}

function boundsOf(places: readonly Place[]): readonly Key[] {
  const shards = Math.ceil(places.length / PLACES_PER_SHARD_MAX)
  return Array.from({ length: shards - 1 }, (_, i) => places[Math.ceil(((i + 1) * places.length) / shards)])
    .filter((place) => place !== undefined)
    .map(placeKey)
}

/** Pieces of at most `sizeMax`, in order. */
export function batches<T>(items: readonly T[], sizeMax: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / sizeMax) }, (_, i) =>
    items.slice(i * sizeMax, (i + 1) * sizeMax),
  )
}
