/** Degrees; south and west are negative. */
export interface Coordinates {
  readonly latitude: number
  readonly longitude: number
}

const EARTH_RADIUS_KM = 6371.0088
/** One way through a kilometre of G.652 fibre, whose group index is 1.468. */
const FIBRE_MS_PER_KM = 0.004897

export function greatCircleKm(a: Coordinates, b: Coordinates): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const half = (from: number, to: number): number => Math.sin(radians(to - from) / 2) ** 2
  const chord =
    half(a.latitude, b.latitude) +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * half(a.longitude, b.longitude)
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord)))
}

/**
 * The round trip, ms, that no fibre laid along the great circle can beat. Real paths take 1.25 to 2.2 times as long;
 * hollow-core fibre would divide this by 1.46.
 */
export function fibreFloorRttMs(a: Coordinates, b: Coordinates): number {
  return 2 * greatCircleKm(a, b) * FIBRE_MS_PER_KM
}
