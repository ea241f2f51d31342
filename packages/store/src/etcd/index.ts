export type { EtcdCredentials } from './endpoint.ts'
export { openEtcdStore } from './store.ts'
export type { EtcdStoreOptions } from './store.ts'
