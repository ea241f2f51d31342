export { FollowerRegistry } from './follower-registry.ts'
export type { NodeDirectory, Parts, RegionControl, ServerParts, TaxControl } from './parts.ts'
export type { CopySights, NodeOperations, OperationParts, RangeLoad } from './operation-parts.ts'
export { operationServices, regionServices } from './services.ts'
