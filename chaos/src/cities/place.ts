import { keyOfText } from '@meridian/topology'
import type { Key } from '@meridian/topology'

/** One real place of the input. */
export interface Place {
  /** GeoNames id. */
  readonly id: number
  /** ISO 3166 code, two capital letters. */
  readonly country: string
  readonly name: string
  readonly population: number
  /** Degrees; south and west are negative. */
  readonly latitude: number
  readonly longitude: number
}

/** `AD/3041563` */
export const placeKey = (place: Pick<Place, 'country' | 'id'>): Key => keyOfText(`${place.country}/${place.id}`)

/** What is stored of a place: JSON in a fixed order of fields, so that equal places have equal bytes. */
export function placeValue({ name, population, latitude, longitude }: Place): Uint8Array {
  return Buffer.from(JSON.stringify({ name, population, latitude, longitude }), 'utf8')
}

/** The keys of a country, half-open: `/` is followed by `0` in the order of bytes. */
export const countryInterval = (country: string) => ({ start: keyOfText(`${country}/`), end: keyOfText(`${country}0`) })
