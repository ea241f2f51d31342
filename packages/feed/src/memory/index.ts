export { MemoryBus } from './memory-bus.ts'
export { MemoryBusShim, NO_FAULTS } from './memory-bus-shim.ts'
export type { BusFaults, MemoryBusShimOptions } from './memory-bus-shim.ts'
