export { commitFloorMs, quorumRttMs } from './commit-floor.ts'
export type { RttLookup } from './commit-floor.ts'
export { fibreFloorRttMs, greatCircleKm } from './great-circle.ts'
export type { Coordinates } from './great-circle.ts'
