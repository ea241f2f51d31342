import { systemClock } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import type { ProcessSpec, ProcessStatus, SupervisorEvent } from './process-spec.ts'
import { Reaper } from './reaper.ts'
import { SupervisedProcess } from './supervised-process.ts'

export interface SupervisorOptions {
  readonly clock?: Clock
  /** Uniform in [0, 1); scatters restarts. */
  readonly random?: () => number
  readonly onEvent?: (event: SupervisorEvent) => void
}

/**
 * Runs processes: starts them in order, each when the one before is ready, restarts what crashes, stops in reverse. They
 * do not outlive it: whatever ends this process, the reaper ends them within three seconds.
 *
 * NOT promised: that a child's own children end with it when it exits by itself; that a process which hangs is noticed
 * (readiness is asked at starts only).
 */
export class Supervisor implements AsyncDisposable {
  readonly #around
  readonly #processes = new Map<string, SupervisedProcess>()
  readonly #stages: SupervisedProcess[][] = []
  #closed = false
  #stopping: Promise<void> | undefined

  constructor({ clock = systemClock, random = Math.random, onEvent = () => {} }: SupervisorOptions = {}) {
    this.#around = { clock, random, onEvent, reaper: new Reaper() }
  }

  /** Of the process that watches over this one. */
  get reaperPid(): number | undefined {
    return this.#around.reaper.pid
  }

  /**
   * Starts `specs` stage by stage. May be called again, also at the same time, for more. After a failure what already runs
   * stays, for `stopAll`.
   *
   * @throws MeridianError of the first process that failed: TOOL_MISSING, UNAVAILABLE or INTERRUPTED.
   */
  async start(specs: readonly ProcessSpec[], signal?: AbortSignal): Promise<void> {
    for (const spec of specs) {
      if (this.#processes.has(spec.name)) throw new Error(`assertion: two processes named ${spec.name}`)
      this.#processes.set(spec.name, new SupervisedProcess(spec, this.#around))
    }
    for (const stage of stagesOf(specs)) {
      if (this.#closed || this.#stopping !== undefined || signal?.aborted === true) {
        throw new MeridianError('INTERRUPTED', 'stopped before everything was started')
      }
      const processes = stage.map((spec) => this.#process(spec.name))
      this.#stages.push(processes)
      const starts = await Promise.allSettled(processes.map((each) => each.start(signal)))
      const failed = starts.find((start) => start.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    }
  }

  list(): ProcessStatus[] {
    return [...this.#processes.values()].map((each) => each.status)
  }

  /** SIGKILL resolves when the process is gone, and it stays dead until `restart`; other signals resolve when sent. */
  kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return this.#process(name).kill(signal)
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  pause(name: string): void {
    this.#process(name).pause()
  }

  /** SIGCONT. */
  resume(name: string): void {
    this.#process(name).resume()
  }

  stop(name: string): Promise<void> {
    return this.#process(name).stop()
  }

  /** Stops it if it runs, starts it and waits until it is ready. Throws as `start` does. */
  restart(name: string, signal?: AbortSignal): Promise<void> {
    return this.#process(name).restart(signal)
  }

  /** Ends starts in flight, then stops stage by stage in reverse order. Idempotent; a second call awaits the first. */
  stopAll(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const stage of this.#stages.toReversed()) await Promise.all(stage.map((each) => each.stop()))
      this.#stopping = undefined
    })()
    return this.#stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.stopAll()
    this.#around.reaper[Symbol.dispose]()
  }

  #process(name: string): SupervisedProcess {
    const found = this.#processes.get(name)
    if (found === undefined) throw new MeridianError('INVALID_ARGUMENT', `no process named ${JSON.stringify(name)}`)
    return found
  }
}

function stagesOf(specs: readonly ProcessSpec[]): ProcessSpec[][] {
  const stages: ProcessSpec[][] = []
  for (const spec of specs) {
    const before = stages.at(-1)
    if (spec.stage !== undefined && before?.[0]?.stage === spec.stage) before.push(spec)
    else stages.push([spec])
  }
  return stages
}
