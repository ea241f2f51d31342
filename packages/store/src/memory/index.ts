export { MemoryCluster } from './cluster.ts'
export type { MemoryClusterOptions, MemoryMember } from './cluster.ts'
export type { MemoryCall, MemoryFault, MemoryFaults } from './faults.ts'
export { MemoryStore } from './store.ts'
