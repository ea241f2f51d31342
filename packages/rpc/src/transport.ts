import type { Logger } from '@meridian/loop'
import type { Channel } from './channel.ts'
import type { Service } from './service.ts'

export interface ServeOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string
  readonly services: readonly Service[]
  readonly log: Logger
  /** How long disposal waits for calls in flight before it cuts them, ms. Default 2000. */
  readonly drainMs?: number
  /** Folder of the proto module; given, the server answers gRPC reflection. */
  readonly protoDir?: string
}

export interface RpcServer extends AsyncDisposable {
  /** `host:port` it really listens on. */
  readonly address: string
  /** Health answers SERVING only while true; readiness of the process, not its liveness. */
  setServing(serving: boolean): void
}

/** How an address is reached. */
export interface Via {
  /** Connect there instead. */
  readonly dial?: string
  /** Connect through this HTTP CONNECT proxy, which resolves the name. */
  readonly proxy?: string
}

/** What carries calls between processes: gRPC, or the network of a simulation, which has every process in one thread. */
export interface Transport {
  /** @throws MeridianError PORT_IN_USE when the address cannot be bound */
  serve(options: ServeOptions): Promise<RpcServer>
  /** Connects when first used, and again after a loss. */
  connect(address: string, via: Via): Channel
}
