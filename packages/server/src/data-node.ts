import { DataNode } from '@meridian/data-node'
import type { NodePlace, ProcessConfig } from '@meridian/deploy'
import { systemClock } from '@meridian/loop'
import type { Logger } from '@meridian/loop'
import { PROTO_DIR } from './paths.ts'

export interface DataNodeOptions {
  readonly config: ProcessConfig
  readonly place: NodePlace
  readonly dataDir: string
  readonly log: Logger
  readonly onFailure: (loop: string, error: unknown) => void
}

/** A reference data node from the region's configuration. */
export function startDataNode({ config, place, dataDir, log, onFailure }: DataNodeOptions): Promise<AsyncDisposable> {
  return DataNode.start({
    nodeId: place.id,
    region: config.region,
    zone: place.zone,
    listen: place.listen,
    advertise: place.advertise,
    capacity: place.capacity,
    dataDir,
    regionServers: config.servers.map((server) => server.advertise),
    clock: systemClock,
    log,
    dial: { hosts: config.hosts },
    protoDir: PROTO_DIR,
    onBroken: (error) => onFailure('storage', error),
  })
}
