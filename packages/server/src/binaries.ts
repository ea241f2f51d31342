import type { RegionBinaries } from '@meridian/deploy'
import { MAIN } from './paths.ts'

/** The servers the launcher found; without it, whatever PATH has. */
export function regionBinaries(): RegionBinaries {
  return {
    etcd: process.env['MERIDIAN_ETCD'] ?? 'etcd',
    natsServer: process.env['MERIDIAN_NATS_SERVER'] ?? 'nats-server',
    node: process.execPath,
    main: MAIN,
  }
}

export const toxiproxyBinary = (): string => process.env['MERIDIAN_TOXIPROXY_SERVER'] ?? 'toxiproxy-server'
