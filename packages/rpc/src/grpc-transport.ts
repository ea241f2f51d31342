import { GrpcChannel } from './client.ts'
import { serve } from './server.ts'
import type { Transport } from './transport.ts'

export const grpcTransport: Transport = {
  serve,
  connect: (address, via) => new GrpcChannel(address, via),
}
