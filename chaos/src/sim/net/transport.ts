import type { Transport } from '@meridian/rpc'
import type { Life } from '../kernel/process.ts'
import type { SimNetwork } from './network.ts'
import { SimChannel } from './sim-channel.ts'

/** The network as one life of a process has it. */
export function transportOf(network: SimNetwork, life: Life): Transport {
  return {
    // A port that is taken rejects, as a real one does.
    serve: async (options) => network.listen(life, options),
    connect: (address) => new SimChannel(network, life, address),
  }
}
