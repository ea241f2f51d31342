import { fileURLToPath } from 'node:url'

import { findBinary, freePorts } from '@meridian/testkit'

import { startLab } from '../lab.ts'
import type { Lab } from '../lab.ts'
import type { Forward, LabPorts } from '../lab-ports.ts'
import { loadWanMatrix, WanMatrix } from '../wan-matrix.ts'

export const awsMatrix = async (): Promise<WanMatrix> =>
  loadWanMatrix(fileURLToPath(new URL('../../../../regions/wan/aws.yaml', import.meta.url)))

/** A matrix of two regions `a` and `b`. */
export function pairMatrix(rttMs: number): WanMatrix {
  const region = (id: string) => ({ id, displayName: id, provider: id, latitude: 0, longitude: 0 })
  return new WanMatrix('pair', [region('a'), region('b')], new Map([['a b', rttMs]]))
}

/**
 * Ports for `count` regions that were free a moment ago. A plan wants runs of ports and the kit gives single ones, so a run
 * is tried above one that was free, and the lab itself refuses should a later one be taken.
 */
export async function testPorts(count: number, forwards: readonly Forward[] = []): Promise<LabPorts> {
  const [toxiproxyApi = 0, pairBase = 0, egressBase = 0, ingressBase = 0] = await freePorts(4)
  const close = [pairBase, egressBase, ingressBase].some((base) =>
    [toxiproxyApi, pairBase, egressBase, ingressBase].some(
      (other) => other !== base && Math.abs(other - base) < count * count,
    ),
  )
  return close ? testPorts(count, forwards) : { toxiproxyApi, pairBase, egressBase, ingressBase, forwards }
}

const ATTEMPTS_MAX = 5

/** A lab of all regions of the matrix on ports that were free. */
export async function startTestLab(matrix: WanMatrix, logDir: string, forwards: readonly Forward[] = []): Promise<Lab> {
  for (let attempt = 1; ; attempt++) {
    const ports = await testPorts(matrix.regionIds.length, forwards)
    const toxiproxyBinary = findBinary('toxiproxy-server')
    try {
      return await startLab({ regions: matrix.regionIds, matrix, ports, logDir, toxiproxyBinary })
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || !(error instanceof Error && 'code' in error && error.code === 'PORT_IN_USE'))
        throw error
    }
  }
}
