/**
 * The WAN front: every egress, ingress and forward of a lab, in a process of its own, because one blocked turn of an
 * event loop here is a pause of every Raft group of the world. It also is the parent of toxiproxy-server, which by itself
 * would outlive a killed supervisor; the front ends when its standard input does.
 *
 * Usage: node main.ts CONFIG.json < pipe-of-the-supervisor
 */
import { readFileSync } from 'node:fs'

import { isMeridianError } from '@meridian/topology'

import { frontConfigSchema } from './config.ts'
import type { FrontConfig, FrontReport } from './config.ts'
import { listenEgress } from './egress.ts'
import { listenForward } from './forward.ts'
import { listenIngress } from './ingress.ts'
import { ProbePoint } from './probe-point.ts'
import type { Routes } from './routes.ts'
import { ToxiproxyProcess } from './toxiproxy-process.ts'

async function listenAll(config: FrontConfig): Promise<void> {
  const routes = new Map<string, Routes>()
  for (const { id, egressPort, ingressPort } of config.regions) {
    const probes = new ProbePoint()
    const links = config.links.filter((link) => link.source === id)
    const ofRegion: Routes = { source: id, probes, linkPorts: new Map(links.map((link) => [link.target, link.port])) }
    routes.set(id, ofRegion)
    await listenIngress(id, ingressPort, probes)
    await listenEgress(egressPort, ofRegion)
  }
  for (const { source, targetHost, targetPort, listenPort, gatewayOnly } of config.forwards) {
    const ofSource = routes.get(source)
    if (ofSource === undefined) throw new Error(`assertion: forward from unknown region ${source}`)
    await listenForward(listenPort, ofSource, { host: targetHost, port: targetPort }, gatewayOnly)
  }
}

function report(line: FrontReport): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

let toxiproxy: Promise<ToxiproxyProcess> | undefined
let stopping = false

async function stop(exitCode: number): Promise<void> {
  if (stopping) return
  stopping = true
  // Waits for a start in flight too: what exits before its child is known leaves it behind.
  await toxiproxy?.then(
    (running) => running.stop(),
    () => {},
  )
  process.exit(exitCode)
}

process.on('SIGINT', () => {})
process.on('SIGTERM', () => void stop(0))
// A supervisor that is gone cannot read either: no line of ours may keep this process from ending.
process.stdout.on('error', () => void stop(0))
process.stdin.on('end', () => void stop(0)).on('error', () => void stop(0))
process.stdin.resume()

try {
  const config = frontConfigSchema.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')))
  await listenAll(config)
  toxiproxy = ToxiproxyProcess.start(config.toxiproxy.binary, config.toxiproxy.apiPort, config.toxiproxy.logFile)
  const running = await toxiproxy
  report({ ready: true, pid: process.pid, toxiproxyPid: running.pid })
  void running.exited.then(() => stop(1))
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  const [code, details] = isMeridianError(error) ? [error.code, error.details] : ['INTERNAL', {}]
  report({ ready: false, code, message, details: { ...details } })
  await stop(1)
}
