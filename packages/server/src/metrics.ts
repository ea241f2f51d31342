import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { splitHostPort } from '@meridian/deploy'
import type { MetricSources, OperationMetrics } from '@meridian/region-server'
import type { RttMatrix, TaxRecord } from '@meridian/tax'
import { MeridianError } from '@meridian/topology'
import { Gauge, Histogram, Registry } from 'prom-client'

/** From a commit on one machine to one around the world twice, seconds. */
const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10]
const RATIO_BUCKETS = [1, 1.01, 1.03, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10]

/** What this server tells Prometheus. */
export class ServerMetrics {
  readonly #registry = new Registry()
  readonly #seconds = new Histogram({
    name: 'meridian_control_operation_seconds',
    help: 'Time of control operations that succeeded, as this server saw them.',
    labelNames: ['operation', 'tier', 'client_region', 'leader_region'],
    buckets: SECONDS_BUCKETS,
    registers: [this.#registry],
  })
  readonly #ratio = new Histogram({
    name: 'meridian_tax_ratio',
    help: 'Time of control operations over the least that distance allows, where that is known and not 0.',
    labelNames: ['operation', 'tier', 'client_region', 'leader_region'],
    buckets: RATIO_BUCKETS,
    registers: [this.#registry],
  })

  constructor(region: string, matrix: RttMatrix, leaseRemainingMs: () => number) {
    const registers = [this.#registry]
    new Gauge({
      name: 'meridian_rtt_seconds',
      help: 'Round trip to another region over the last minute, as measured by this server.',
      labelNames: ['source', 'target', 'figure'],
      registers,
      collect() {
        this.reset()
        for (const { source, target, minMs, p50Ms, p99Ms } of matrix.rows()) {
          if (source !== region) continue
          for (const [figure, ms] of Object.entries({ min: minMs, p50: p50Ms, p99: p99Ms })) {
            this.set({ source, target, figure }, ms / 1000)
          }
        }
      },
    })
    new Gauge({
      name: 'meridian_region_lease_remaining_seconds',
      help: 'For how long this server may still vouch for its region.',
      registers,
      collect() {
        this.set(leaseRemainingMs() / 1000)
      },
    })
  }

  operation({ operation, tier, clientRegion, leaderRegion, floorMs, actualMs }: TaxRecord): void {
    const labels = { operation, tier, client_region: clientRegion, leader_region: leaderRegion }
    this.#seconds.observe(labels, actualMs / 1000)
    if (floorMs !== undefined && floorMs > 0) this.#ratio.observe(labels, actualMs / floorMs)
  }

  /** In the text format of Prometheus. */
  async text(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() }
  }
}

/** Metrics of one server, answered at `listen` if that is given. @throws MeridianError PORT_IN_USE */
export async function openMetrics(
  region: string,
  listen: string | undefined,
  { matrix, leaseRemainingMs }: MetricSources,
): Promise<OperationMetrics> {
  const metrics = new ServerMetrics(region, matrix, leaseRemainingMs)
  const serving = listen === undefined ? undefined : await serveMetrics(listen, metrics)
  return {
    operation: (record) => metrics.operation(record),
    [Symbol.asyncDispose]: async () => serving?.[Symbol.asyncDispose](),
  }
}

/**
 * Answers `GET /metrics` to whoever can reach `listen`; asks nobody who they are.
 *
 * @throws MeridianError PORT_IN_USE
 */
export async function serveMetrics(listen: string, metrics: ServerMetrics): Promise<AsyncDisposable> {
  const { host, port } = splitHostPort(listen)
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n')
      return
    }
    metrics.text().then(
      ({ type, text }) => response.writeHead(200, { 'content-type': type }).end(text),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(error)}\n`),
    )
  })
  await listening(server, host, port)
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'INTERNAL'
      reject(new MeridianError(code, `metrics cannot listen on ${host}:${port}: ${cause.message}`, { cause }))
    })
    server.listen(port, host, resolve)
  })
}
