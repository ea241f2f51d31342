import type { LabPorts } from '@meridian/lab'

/**
 * Ports beside those of the world's own lab, from the thousand that the port plan leaves to labs (2000 above the base):
 * the lab at 0 ms from 640 (16 regions have 240 links), the two scratch clusters from 920 and 960.
 */
const LAB_OFFSET = 2000
export const REGIONS_MAX = 16

export const zeroLabPorts = (basePort: number): LabPorts => {
  const first = basePort + LAB_OFFSET + 640
  return { toxiproxyApi: first, egressBase: first + 1, ingressBase: first + 20, pairBase: first + 40, forwards: [] }
}

export const directPortBase = (basePort: number): number => basePort + LAB_OFFSET + 920
export const proxiedPortBase = (basePort: number): number => basePort + LAB_OFFSET + 960
