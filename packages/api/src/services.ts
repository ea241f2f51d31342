import {
  LeadershipServiceDefinition,
  MapServiceDefinition,
  NodeOperationServiceDefinition,
  NodeServiceDefinition,
  OperationServiceDefinition,
  OwnershipServiceDefinition,
  ProbeServiceDefinition,
  RegionServiceDefinition,
  StandstillServiceDefinition,
  StatusServiceDefinition,
  TaxServiceDefinition,
} from '@meridian/protocol'
import { implement } from '@meridian/rpc'
import type { Service } from '@meridian/rpc'
import { mapHandlers } from './map-handlers.ts'
import { leadershipHandlers, nodeHandlers } from './node-handlers.ts'
import { nodeOperationHandlers } from './node-operation-handlers.ts'
import { operationHandlers } from './operation-handlers.ts'
import type { OperationParts } from './operation-parts.ts'
import { ownershipHandlers } from './ownership-handlers.ts'
import type { Parts } from './parts.ts'
import { regionHandlers } from './region-handlers.ts'
import { standstillHandlers } from './standstill-handlers.ts'
import { statusHandlers } from './status-handlers.ts'
import { probeHandlers, taxHandlers } from './tax-handlers.ts'

/** Every service a region server answers. */
export function regionServices(parts: Parts): Service[] {
  return [
    implement(OwnershipServiceDefinition, ownershipHandlers(parts)),
    implement(LeadershipServiceDefinition, leadershipHandlers(parts)),
    implement(MapServiceDefinition, mapHandlers(parts)),
    implement(NodeServiceDefinition, nodeHandlers(parts)),
    implement(StatusServiceDefinition, statusHandlers(parts)),
    implement(ProbeServiceDefinition, probeHandlers(parts)),
    implement(TaxServiceDefinition, taxHandlers(parts)),
  ]
}

/** The services of what takes several commits, and what holds it up: transfers, takeovers, drains, moves, promises. */
export function operationServices(parts: () => OperationParts): Service[] {
  return [
    implement(OperationServiceDefinition, operationHandlers(parts)),
    implement(RegionServiceDefinition, regionHandlers(parts)),
    implement(NodeOperationServiceDefinition, nodeOperationHandlers(parts)),
    implement(StandstillServiceDefinition, standstillHandlers(parts)),
  ]
}
