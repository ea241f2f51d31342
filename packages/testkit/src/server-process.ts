import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { serverEnvironment } from './binaries.ts'
import { logRing } from './log-ring.ts'
import { reapAtExit, reaped } from './reaper.ts'

/** The verbs every server of this package has. All are idempotent. */
export interface ServerControl {
  /** The process id of the running process, or of the last one. */
  readonly pid: number
  /** SIGKILL, then waits for the exit. */
  kill(): Promise<void>
  /** SIGTERM, then waits for the exit; SIGKILL after 5 s. */
  stop(): Promise<void>
  /** Starts it again with the same folder, ports and arguments. */
  start(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers, as on a machine that hangs. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** The newest 64 KiB of stdout and stderr together, over all starts. */
  readonly logs: () => string
}

export interface ServerProcess extends Omit<ServerControl, 'start'> {
  /** Starts the process; says nothing about readiness. */
  spawn(): void
  readonly running: boolean
  readonly paused: boolean
  /** Why the process is gone, if it is; for `waitFor`'s giveUp. */
  readonly exitReason: () => string | undefined
}

const STOP_GRACE_MS = 5_000

/** One child process that can be started many times with the same command line. */
export function serverProcess(name: string, binary: string, args: readonly string[], cwd?: string): ServerProcess {
  const ring = logRing()
  let child: ChildProcess | undefined
  let exited: Promise<void> = Promise.resolve()
  let reason: string | undefined = 'never started'
  let pid = 0
  let paused = false

  const running = (): boolean => reason === undefined

  const start = (): void => {
    if (running()) return
    const started = spawn(binary, [...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: serverEnvironment(),
      ...(cwd === undefined ? {} : { cwd }),
    })
    child = started
    reason = undefined
    paused = false
    exited = new Promise((resolve) => {
      const gone = (why: string): void => {
        if (started.pid !== undefined) reaped(started.pid)
        reason ??= why
        ring.append(`--- ${name} ${why}\n`)
        resolve()
      }
      started.once('exit', (code, signal) => {
        gone(`exited with ${signal ?? `code ${code}`}`)
      })
      started.once('error', (error) => {
        // Also emitted when a signal cannot be sent; only a failed start means there is no process.
        if (started.pid === undefined) gone(`could not be started: ${error.message}`)
      })
    })
    if (started.pid !== undefined) {
      pid = started.pid
      reapAtExit(pid)
      ring.append(`--- ${name} started as ${pid}\n`)
    }
    started.stdout.on('data', (chunk: Buffer) => {
      ring.append(chunk)
    })
    started.stderr.on('data', (chunk: Buffer) => {
      ring.append(chunk)
    })
  }

  const signal = (which: NodeJS.Signals): void => {
    if (running()) child?.kill(which)
  }

  return {
    get pid() {
      return pid
    },
    get running() {
      return running()
    },
    get paused() {
      return paused
    },
    spawn: start,
    exitReason: () => (reason === undefined ? undefined : `${name} ${reason}`),
    async kill() {
      signal('SIGKILL')
      await exited
    },
    async stop() {
      signal('SIGTERM')
      // A stopped process does not see SIGTERM until it continues.
      signal('SIGCONT')
      const timer = setTimeout(() => {
        signal('SIGKILL')
      }, STOP_GRACE_MS)
      await exited
      clearTimeout(timer)
    },
    pause() {
      signal('SIGSTOP')
      paused = running()
    },
    resume() {
      signal('SIGCONT')
      paused = false
    },
    logs: () => ring.text(),
  }
}
