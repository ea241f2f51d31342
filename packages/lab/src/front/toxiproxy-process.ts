import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { MeridianError } from '@meridian/topology'

import { dial } from './dial.ts'
import { LOOPBACK } from './listen.ts'

const START_MS_MAX = 10_000
const STOP_MS_MAX = 1_000

/** A running toxiproxy-server; it has no state worth saving, so stopping it is a signal and a wait. */
export class ToxiproxyProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>

  private constructor(child: ChildProcess, exited: Promise<void>) {
    this.#child = child
    this.#exited = exited
  }

  /** @throws MeridianError TOOL_MISSING, UNAVAILABLE. */
  static async start(binary: string, apiPort: number, logFile: string): Promise<ToxiproxyProcess> {
    const log = openSync(logFile, 'a', 0o600)
    // Its own process group: Ctrl-C in the terminal is the supervisor's to answer, in order.
    const child = spawn(binary, ['-host', LOOPBACK, '-port', String(apiPort)], {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, LOG_LEVEL: 'error' },
    })
    closeSync(log)
    let failure: string | undefined
    const exited = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        failure = error.message
        resolve()
      })
      child.once('exit', (code, signal) => {
        failure ??= `exited with ${signal ?? code}`
        resolve()
      })
    })
    const running = new ToxiproxyProcess(child, exited)
    for (const deadline = performance.now() + START_MS_MAX; ; await delay(10)) {
      if (failure !== undefined) {
        if (child.pid === undefined)
          throw new MeridianError('TOOL_MISSING', `toxiproxy-server cannot be run: ${failure}`)
        throw new MeridianError('UNAVAILABLE', `toxiproxy-server ${failure}; its log is ${logFile}`)
      }
      try {
        const socket = await dial(apiPort)
        socket.destroy()
        return running
      } catch (cause) {
        if (performance.now() < deadline) continue
        await running.stop()
        throw new MeridianError(
          'UNAVAILABLE',
          `toxiproxy-server does not listen on port ${apiPort} after ${START_MS_MAX} ms`,
          { cause },
        )
      }
    }
  }

  /** @throws when it never ran, which `start` rules out. */
  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('assertion: toxiproxy-server has no process id')
    return pid
  }

  /** Resolves when the process is gone, for whatever reason. */
  get exited(): Promise<void> {
    return this.#exited
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX)
    await this.#exited
    clearTimeout(killer)
  }
}
