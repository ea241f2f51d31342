import { join } from 'node:path'
import type { ProcessConfig, ServerPlace } from '@meridian/deploy'
import { openNatsBus } from '@meridian/feed/nats'
import { fileCeiling, procUptimeClock, systemPhysicalClock } from '@meridian/hlc'
import { systemClock } from '@meridian/loop'
import type { Logger } from '@meridian/loop'
import { startRegionServer } from '@meridian/region-server'
import type { RegionServerPorts } from '@meridian/region-server'
import { grpcTransport } from '@meridian/rpc'
import { openEtcdStore } from '@meridian/store/etcd'
import { fsyncProbe } from './fsync-probe.ts'
import { openMetrics } from './metrics.ts'

export interface ServerProcessOptions {
  readonly config: ProcessConfig
  readonly place: ServerPlace
  /** Existing, private folder of this server. */
  readonly dataDir: string
  readonly protoDir: string
  readonly log: Logger
  /** A loop ended with an error nobody foresaw: the process should end, and be started anew. */
  readonly onFailure: (loop: string, error: unknown) => void
}

/** A region server on the machine's clocks, etcd, NATS and gRPC. */
export function startServerProcess(options: ServerProcessOptions): Promise<AsyncDisposable> {
  const { config, place, protoDir, log, onFailure } = options
  return startRegionServer({ config, place, ports: systemPorts(options), protoDir, log, onFailure })
}

function systemPorts({ config, place, dataDir, log }: ServerProcessOptions): RegionServerPorts {
  const clock = systemClock
  return {
    clock,
    physical: systemPhysicalClock,
    boot: procUptimeClock(),
    wallUs,
    random: Math.random,
    ceiling: fileCeiling(join(dataDir, 'hlc-ceiling')),
    fsync: () => fsyncProbe(join(dataDir, 'fsync-probe'), () => clock.nowMs()),
    transport: grpcTransport,
    openStore: (tier) => openEtcdStore({ endpoints: config[tier].endpoints, clock, log }),
    openBus: () => openNatsBus({ servers: config.nats.servers, name: place.id, log }),
    openMetrics: (sources) => openMetrics(config.region, place.metrics, sources),
  }
}

/** Half a millisecond is much of a one-way delay. */
const wallUs = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000))
