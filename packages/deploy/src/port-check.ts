import { createServer } from 'node:net'
import { MeridianError } from '@meridian/topology'
import { hostPort } from './host.ts'
import { portOwners } from './port-owner.ts'
import { refuseOverlaps } from './ports.ts'
import type { PortUse } from './ports.ts'

/**
 * Binds every listener for a moment, so that a world does not come up by half. Somebody may still take a port between this
 * and the real bind; then the process that wanted it fails its start.
 *
 * @throws MeridianError PORT_IN_USE naming every port that is taken, what it is wanted for and, where the system tells,
 * who has it; CONFIG_INVALID for an address that is not of this machine or a port wanted twice.
 */
export async function checkPorts(uses: readonly PortUse[]): Promise<void> {
  refuseOverlaps(uses)
  const tried = await Promise.all(uses.map(async (use) => ({ use, code: await tryBind(use) })))
  const refused = tried.flatMap(({ use, code }) => (code === undefined ? [] : [{ use, code }]))
  const foreign = refused.filter(({ code }) => code === 'EADDRNOTAVAIL')
  if (foreign.length > 0) {
    const lines = foreign.map(
      ({ use }) => `${hostPort(use.host, use.port)} (${use.what}): not an address of this machine`,
    )
    throw new MeridianError('CONFIG_INVALID', lines.join('\n'))
  }
  if (refused.length === 0) return
  const owners = await portOwners(new Set(refused.map(({ use }) => use.port)))
  const lines = refused.map(({ use, code }) => {
    const why =
      code === 'EADDRINUSE' ? `in use by ${owners.get(use.port) ?? 'another process'}` : `cannot be bound (${code})`
    return `port ${use.port} (${use.what}): ${why}`
  })
  throw new MeridianError('PORT_IN_USE', lines.join('\n'), {
    details: { ports: refused.map(({ use }) => use.port).join(',') },
  })
}

/** The system's error code, or undefined when it can be bound. */
function tryBind({ host, port }: PortUse): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
