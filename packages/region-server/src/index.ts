export { ControlMeter } from './control-meter.ts'
export type { MetricSources, OperationMetrics, RegionServerPorts } from './ports.ts'
export { startRegionServer } from './region-server.ts'
export type { RegionServerOptions } from './region-server.ts'
