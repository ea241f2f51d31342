export { openNatsBus } from './nats-bus.ts'
export type { NatsBusOptions } from './nats-bus.ts'
