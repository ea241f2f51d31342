import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'

/** Answers gRPC reflection for these services from the proto files, so that grpcurl and its kin need no copy of them. */
export function addReflection(server: Server, protoDir: string, services: readonly string[]): void {
  const files = readdirSync(protoDir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'))
  const definition = loadSync(
    files.map((file) => join(protoDir, file)),
    { includeDirs: [protoDir], longs: String },
  )
  new ReflectionService(definition, { services: [...services] }).addToServer(server)
}
