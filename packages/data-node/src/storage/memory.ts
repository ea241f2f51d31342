export { MemoryDisk, MemoryStorage } from './memory-storage.ts'
