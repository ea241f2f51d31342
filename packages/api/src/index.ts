export { FollowerRegistry } from './follower-registry.ts'
export type { NodeDirectory, Parts, RegionControl, ServerParts, TaxControl } from './parts.ts'
export { regionServices } from './services.ts'
