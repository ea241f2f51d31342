import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { silentLogger, systemClock } from '@meridian/loop'
import { nodeId, regionId, zoneId } from '@meridian/topology'
import { REPLICA_BOUNDS } from '../replica/bounds.ts'
import type { ReplicaBounds } from '../replica/bounds.ts'
import { DataNode } from './data-node.ts'

interface NodeArguments {
  readonly node: string
  readonly listen: string
  readonly dataDir: string
  readonly regionServers: readonly string[]
  /** Instead of the usual ones. */
  readonly bounds?: Partial<ReplicaBounds>
}

/** A data node in a process of its own, to be killed. Test only. */
export class NodeProcess implements AsyncDisposable {
  readonly #args: NodeArguments
  #child: ChildProcess | undefined

  constructor(args: NodeArguments) {
    this.#args = args
  }

  start(): void {
    const script = fileURLToPath(import.meta.url)
    this.#child = spawn(process.execPath, [script, JSON.stringify(this.#args)], {
      stdio: ['pipe', 'inherit', 'inherit'],
    })
  }

  /** SIGSTOP or SIGCONT. */
  pause(paused: boolean): void {
    this.#child?.kill(paused ? 'SIGSTOP' : 'SIGCONT')
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }
}

async function main(text: string): Promise<void> {
  // Written by the class above.
  const args = JSON.parse(text) as NodeArguments
  const node = await DataNode.start({
    nodeId: nodeId(args.node),
    region: regionId('eu-west'),
    zone: zoneId(`${args.node}-zone`),
    listen: args.listen,
    capacity: 100,
    dataDir: args.dataDir,
    regionServers: args.regionServers,
    ...(args.bounds === undefined ? {} : { bounds: { ...REPLICA_BOUNDS, ...args.bounds } }),
    clock: systemClock,
    log: silentLogger,
  })
  // The pipe closes when the test ends, however it ends.
  process.stdin.resume()
  process.stdin.on('end', () => process.exit(0))
  process.on('SIGTERM', () => void node[Symbol.asyncDispose]().then(() => process.exit(0)))
}

const [, script, args] = process.argv
if (script === fileURLToPath(import.meta.url) && args !== undefined) await main(args)
