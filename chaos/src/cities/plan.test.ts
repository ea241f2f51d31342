import { EMPTY_KEY, formatKey } from '@meridian/topology'
import { beforeAll, describe, expect, it } from 'vitest'
import { countryInterval, placeKey, placeValue } from './place.ts'
import type { Place } from './place.ts'
import { batches, PLACES_PER_SHARD_MAX, planCountries, populationCentre } from './plan.ts'
import type { CountryPlan, Home } from './plan.ts'
import { readPlaces } from './read-places.ts'

const HOMES: readonly Home[] = [
  { region: 'us-east', coordinates: { latitude: 39.04, longitude: -77.49 } },
  { region: 'eu-west', coordinates: { latitude: 53.35, longitude: -6.26 } },
  { region: 'ap-southeast', coordinates: { latitude: 1.35, longitude: 103.82 } },
]

const at = (country: string, id: number, latitude: number, longitude: number, population = 1000): Place => ({
  id,
  country,
  name: `${country}${id}`,
  population,
  latitude,
  longitude,
})

describe('the plan of all real places', () => {
  let places: readonly Place[] = []
  let plan: readonly CountryPlan[] = []
  beforeAll(async () => {
    places = await readPlaces()
    plan = planCountries(places, HOMES)
  })

  it('has every place once, in key order', () => {
    expect(places.length).toBeGreaterThan(130_000)
    const keys = plan.flatMap((country) => country.places.map(placeKey))
    expect(keys).toHaveLength(places.length)
    expect(keys.every((key, i) => i === 0 || (keys[i - 1] ?? key) < key)).toBe(true)
  })

  it('has one range per country, and no key outside of them', () => {
    expect(plan[0]?.start).toBe(EMPTY_KEY)
    expect(plan.every(({ start }, i) => i === 0 || (plan[i - 1]?.start ?? start) < start)).toBe(true)
    for (const [i, { start, places: own, country }] of plan.entries()) {
      const end = plan[i + 1]?.start
      const interval = countryInterval(country)
      const keys = own.map(placeKey)
      expect(keys.every((key) => key >= start && (end === undefined || key < end))).toBe(true)
      expect(keys.every((key) => key >= interval.start && key < interval.end)).toBe(true)
    }
  })

  it('cuts big countries at real places into shards of about the same size', () => {
    for (const { shardBounds, places: own, start } of plan) {
      const keys = own.map(placeKey)
      expect(shardBounds.every((bound) => keys.includes(bound) && bound > start)).toBe(true)
      const edges = [0, ...shardBounds.map((bound) => keys.indexOf(bound)), keys.length]
      const sizes = edges.slice(1).map((edge, i) => edge - (edges[i] ?? 0))
      expect(Math.max(...sizes)).toBeLessThanOrEqual(PLACES_PER_SHARD_MAX)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }
    expect(plan.find(({ country }) => country === 'US')?.shardBounds).toHaveLength(5)
    expect(plan.find(({ country }) => country === 'AD')?.shardBounds).toHaveLength(0)
  })

  it.each([
    ['US', 'us-east'],
    ['BR', 'us-east'],
    ['DE', 'eu-west'],
    ['NG', 'eu-west'],
    ['JP', 'ap-southeast'],
    ['AU', 'ap-southeast'],
    ['IN', 'ap-southeast'],
  ])('homes %s in %s', (country, region) => {
    expect(plan.find((each) => each.country === country)?.region).toBe(region)
  })

  it('takes few places from all over the world when asked for few', async () => {
    const few = await readPlaces(1000)
    expect(few).toHaveLength(1000)
    expect(new Set(few.map((place) => place.country)).size).toBeGreaterThan(80)
    expect(new Set(few.map(placeKey)).size).toBe(1000)
  })
})

describe('the centre of a population', () => {
  it('lies where the people are', () => {
    const centre = populationCentre([at('XX', 1, 0, 0, 9_000_000), at('XX', 2, 0, 40, 1000)])
    expect(centre.longitude).toBeCloseTo(0, 1)
  })

  it('of islands on both sides of the date line is in the Pacific', () => {
    const centre = populationCentre([at('FJ', 1, -17, 178), at('FJ', 2, -17, -178)])
    expect(Math.abs(centre.longitude)).toBeCloseTo(180, 1)
    expect(centre.latitude).toBeCloseTo(-17, 1)
  })

  it('does not forget places that claim no inhabitants', () => {
    expect(populationCentre([at('XX', 1, 10, 20, 0)]).latitude).toBeCloseTo(10, 5)
  })
})

describe('places', () => {
  it('are stored as text that people can read', () => {
    expect(formatKey(placeKey(at('AD', 3039154, 42.6, 1.65)))).toBe('AD/3039154')
    expect(Buffer.from(placeValue(at('AD', 7, 42.6, 1.65))).toString()).toBe(
      '{"name":"AD7","population":1000,"latitude":42.6,"longitude":1.65}',
    )
  })

  it.each([
    { items: 0, sizes: [] },
    { items: 3, sizes: [3] },
    { items: 40, sizes: [40] },
    { items: 41, sizes: [40, 1] },
  ])('$items in batches of 40', ({ items, sizes }) => {
    const pieces = batches(
      Array.from({ length: items }, (_, i) => i),
      40,
    )
    expect(pieces.map((piece) => piece.length)).toEqual(sizes)
    expect(pieces.flat()).toEqual(Array.from({ length: items }, (_, i) => i))
  })
})
