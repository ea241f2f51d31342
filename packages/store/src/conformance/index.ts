export { storeConformance } from './store-conformance.ts'
export type { StoreWorld, WorldClient } from './world.ts'
