import type { Server } from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'

/** The standard health service: one status for the process, repeated under each service name it serves. */
export function healthService(names: readonly string[]) {
  const health = new HealthImplementation(
    Object.fromEntries(['', ...names].map((name) => [name, 'NOT_SERVING' as const])),
  )
  return {
    addTo: (server: Server) => health.addToServer(server),
    setServing: (serving: boolean) => {
      for (const name of ['', ...names]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
    },
  }
}
