import { logTail } from '@meridian/deploy'
import type { Supervisor, SupervisorEvent } from '@meridian/deploy'
import { MeridianError } from '@meridian/topology'

import type { Calibration } from '../calibrate.ts'
import type { Lab } from '../lab.ts'
import type { WanMatrix } from '../wan-matrix.ts'
import type { WorldProcessSpec } from './world-processes.ts'
import type { World, WorldExit, WorldProcess, WorldRegion } from './world.ts'

export interface WorldParts {
  readonly regions: readonly WorldRegion[]
  readonly lab: Lab
  readonly calibration: Calibration
  readonly matrix: WanMatrix
  readonly dataDir: string
  readonly supervisor: Supervisor
  readonly processes: readonly WorldProcessSpec[]
  readonly exits: ExitListeners
  /** Everything that was started, disposed last to first. */
  readonly owned: AsyncDisposableStack
}

export class RunningWorld implements World {
  readonly regions: readonly WorldRegion[]
  readonly lab: Lab
  readonly calibration: Calibration
  readonly matrix: WanMatrix
  readonly dataDir: string
  readonly #parts: WorldParts
  #stopping: Promise<void> | undefined

  constructor(parts: WorldParts) {
    this.regions = parts.regions
    this.lab = parts.lab
    this.calibration = parts.calibration
    this.matrix = parts.matrix
    this.dataDir = parts.dataDir
    this.#parts = parts
    void parts.lab.exited.then(() => {
      if (this.#stopping !== undefined) return
      parts.exits.tell({ name: 'wan', region: undefined, exit: 'the front has ended: no link is left', logTail: '' })
    })
  }

  processes(): WorldProcess[] {
    return this.#parts.supervisor
      .list()
      .map(({ name, pid, state }) => ({ name, region: this.#regionOf(name), pid, state }))
  }

  kill(name: string): Promise<void> {
    return this.#parts.supervisor.kill(name)
  }

  pause(name: string): void {
    this.#parts.supervisor.pause(name)
  }

  resume(name: string): void {
    this.#parts.supervisor.resume(name)
  }

  restart(name: string): Promise<void> {
    return this.#parts.supervisor.restart(name)
  }

  logTail(name: string): string {
    const found = this.#parts.processes.find((each) => each.spec.name === name)
    if (found === undefined) throw new MeridianError('INVALID_ARGUMENT', `no process named ${JSON.stringify(name)}`)
    return logTail(found.spec.logFile)
  }

  onExit(listener: (exit: WorldExit) => void): () => void {
    return this.#parts.exits.add(listener)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#parts.owned.disposeAsync()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #regionOf(name: string): string {
    return name.slice(0, name.indexOf('/'))
  }
}

export class ExitListeners {
  readonly #listeners = new Set<(exit: WorldExit) => void>()

  add(listener: (exit: WorldExit) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(exit: WorldExit): void {
    for (const listener of this.#listeners) listener(exit)
  }

  hear(event: SupervisorEvent): void {
    if (event.kind !== 'exited') return
    const { name, exit, logTail } = event
    this.tell({ name, region: name.slice(0, name.indexOf('/')), exit, logTail })
  }
}
