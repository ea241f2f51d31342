import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import { backoffMs } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import { logTail, openLog } from './log-file.ts'
import { READY_TIMEOUT_MS, STOP_TIMEOUT_MS } from './process-spec.ts'
import type { ProcessSpec, ProcessState, ProcessStatus, SupervisorEvent } from './process-spec.ts'
import type { Reaper } from './reaper.ts'

export interface ProcessSurroundings {
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly reaper: Reaper
  readonly onEvent: (event: SupervisorEvent) => void
}

const RESTART_BACKOFF = { delayMsMin: 250, delayMsMax: 10_000 }
/** Restarts in a row, none of which lasted STABLE_MS, until the process is left dead. */
export const RESTARTS_MAX = 10
/** A run this long makes the next crash count as the first, ms. */
const STABLE_MS = 30_000
const PROBE_EVERY_MS = 30

/** What was asked of the process last; an exit means something else under each. */
type Intent = 'run' | 'stop' | 'kill'

/** One child process over all its runs. Verbs that start or stop it go one after the other; signals go at once. */
export class SupervisedProcess {
  readonly spec: ProcessSpec
  readonly #around: ProcessSurroundings
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #intent: Intent = 'stop'
  #phase: Exclude<ProcessState, 'paused'> = 'stopped'
  #paused = false
  #lastExit: string | undefined
  #runs = 0
  #startedMs = 0
  /** Whether somebody waits for this run to become ready, and so hears of its exit. */
  #awaited = false
  #attempts = 0
  #revival: { readonly controller: AbortController; readonly done: Promise<void> } | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(spec: ProcessSpec, around: ProcessSurroundings) {
    this.spec = spec
    this.#around = around
  }

  get status(): ProcessStatus {
    return {
      name: this.spec.name,
      state: this.#paused ? 'paused' : this.#phase,
      pid: this.#child?.pid,
      restarts: Math.max(0, this.#runs - 1),
      lastExit: this.#lastExit,
      logFile: this.spec.logFile,
    }
  }

  /**
   * Starts it and waits until it is ready. When that fails the process is left as it is: stopping is the caller's.
   *
   * @throws MeridianError TOOL_MISSING when the command cannot be run, UNAVAILABLE (with the end of the log) when it exits
   * or does not become ready in time, INTERRUPTED when it is stopped or `signal` aborts meanwhile.
   */
  start(signal?: AbortSignal): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#child !== undefined) return
      this.#intent = 'run'
      await this.#run(signal)
    })
  }

  /** Stop signal, SIGKILL after the spec's time; resolves when it is gone. Idempotent, and ends a start in flight. */
  async stop(): Promise<void> {
    // At once, not in order: a start in flight has to see it.
    this.#intent = 'stop'
    await this.#endRevival()
    this.#terminate()
    await this.#inOrder(async () => {
      this.#intent = 'stop'
      await this.#endRevival()
      this.#terminate()
      const force = setTimeout(() => this.#send('SIGKILL'), this.spec.stopTimeoutMs ?? STOP_TIMEOUT_MS)
      await this.#exited
      clearTimeout(force)
      this.#phase = 'stopped'
    })
  }

  async restart(signal?: AbortSignal): Promise<void> {
    await this.stop()
    this.#attempts = 0
    await this.start(signal)
  }

  /**
   * SIGKILL resolves when the process is gone; it stays dead until `restart`. Any other signal resolves when sent, and if
   * the process exits of it that is an exit like any other.
   */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (signal !== 'SIGKILL') {
      this.#send(signal)
      return
    }
    this.#intent = 'kill'
    this.#send('SIGKILL')
    await this.#endRevival()
    // A revival that had just slept may have started another run.
    this.#send('SIGKILL')
    await this.#exited
    this.#phase = 'dead'
  }

  pause(): void {
    this.#paused = this.#send('SIGSTOP')
  }

  resume(): void {
    this.#send('SIGCONT')
    this.#paused = false
  }

  async #run(signal?: AbortSignal): Promise<void> {
    const begunMs = this.#around.clock.nowMs()
    this.#awaited = true
    try {
      this.#spawn()
      await this.#untilReady(begunMs, signal)
    } finally {
      this.#awaited = false
    }
    this.#phase = 'ready'
    this.#around.onEvent({ kind: 'ready', name: this.spec.name, afterMs: this.#around.clock.nowMs() - begunMs })
  }

  #spawn(): void {
    const { spec } = this
    const log = openLog(spec.logFile)
    let child: ChildProcess
    try {
      // A group of its own, so that a Ctrl-C in the terminal reaches the supervisor alone, which stops in order.
      child = spawn(spec.command, [...spec.args], {
        cwd: spec.cwd,
        env: spec.env,
        stdio: ['ignore', log, log],
        detached: true,
      })
    } finally {
      closeSync(log)
    }
    this.#child = child
    this.#paused = false
    this.#phase = 'starting'
    this.#runs += 1
    this.#startedMs = this.#around.clock.nowMs()
    this.#lastExit = undefined
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signalName) => {
        this.#onExit(child, signalName ?? `code ${code}`)
        resolve()
      })
      child.once('error', (error) => {
        // Also emitted when a signal cannot be sent; without a pid it means that nothing was started.
        if (child.pid !== undefined) return
        this.#onExit(child, `not started: ${'code' in error ? String(error.code) : error.message}`)
        resolve()
      })
    })
    if (child.pid !== undefined) {
      this.#around.reaper.started(child.pid, spec.name)
      this.#around.onEvent({ kind: 'started', name: spec.name, pid: child.pid })
    }
  }

  #onExit(child: ChildProcess, exit: string): void {
    const { name, logFile } = this.spec
    if (child.pid !== undefined) this.#around.reaper.exited(child.pid)
    this.#child = undefined
    this.#paused = false
    this.#lastExit = exit
    if (this.#intent === 'stop') {
      this.#phase = 'stopped'
      this.#around.onEvent({ kind: 'stopped', name, exit })
      return
    }
    this.#phase = 'dead'
    this.#around.onEvent({ kind: 'exited', name, exit, logTail: logTail(logFile) })
    if (this.#intent === 'kill' || this.#awaited || (this.spec.onExit ?? 'restart') === 'leave-dead') return
    if (this.#around.clock.nowMs() - this.#startedMs >= STABLE_MS) this.#attempts = 0
    const controller = new AbortController()
    this.#revival = { controller, done: this.#revive(controller.signal) }
  }

  /** Starts it again and again, ever later, until it is ready once or RESTARTS_MAX is reached. Never rejects. */
  async #revive(signal: AbortSignal): Promise<void> {
    const { clock, random, onEvent } = this.#around
    const { name } = this.spec
    while (this.#attempts < RESTARTS_MAX) {
      const inMs = backoffMs(RESTART_BACKOFF, this.#attempts, random)
      this.#attempts += 1
      this.#phase = 'waiting'
      onEvent({ kind: 'restarting', name, inMs, attempt: this.#attempts })
      try {
        await clock.sleep(inMs, signal)
        await this.#run(signal)
        return
      } catch {
        // Either asked to end, or another failed attempt, of which `exited` has told; one that hangs is put out first.
        if (signal.aborted) return
        this.#send('SIGKILL')
        await this.#exited
      }
    }
    this.#phase = 'dead'
    onEvent({ kind: 'gave-up', name, attempts: this.#attempts })
  }

  async #endRevival(): Promise<void> {
    const revival = this.#revival
    if (revival === undefined) return
    revival.controller.abort(new MeridianError('INTERRUPTED', `${this.spec.name} is not to be started again`))
    await revival.done
    this.#revival = undefined
  }

  async #untilReady(begunMs: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#around
    const { name, logFile, command, readyTimeoutMs = READY_TIMEOUT_MS } = this.spec
    const refuse = (code: 'UNAVAILABLE' | 'TOOL_MISSING', what: string): never => {
      const tail = logTail(logFile)
      const end = tail === '' ? '' : `; the end of ${logFile}:\n${tail.replace(/^/gm, '  ')}`
      throw new MeridianError(code, `${name} ${what}${end}`, { details: { process: name, log: logFile } })
    }
    for (;;) {
      if (this.#intent !== 'run' || signal?.aborted === true) {
        throw new MeridianError('INTERRUPTED', `${name} was stopped before it was ready`)
      }
      if (this.#child === undefined) {
        const exit = this.#lastExit ?? 'nothing'
        if (exit.startsWith('not started')) refuse('TOOL_MISSING', `cannot be run: ${command}: ${exit}`)
        refuse('UNAVAILABLE', `exited with ${exit} before it was ready`)
      }
      if (await this.#isReady()) return
      if (clock.nowMs() - begunMs > readyTimeoutMs) refuse('UNAVAILABLE', `was not ready after ${readyTimeoutMs} ms`)
      await clock.sleep(PROBE_EVERY_MS)
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      // The port may be answered by somebody else while ours is already gone.
      return (await this.spec.ready()) && this.#child !== undefined
    } catch {
      // A probe that cannot ask is one that says "not yet"; the time-out says so in the end.
      return false
    }
  }

  #terminate(): void {
    this.#send(this.spec.stopSignal ?? 'SIGTERM')
    // A stopped process gets the signal only when it continues.
    if (this.#paused) this.resume()
  }

  /** Whether there was a process to send it to. */
  #send(signal: NodeJS.Signals): boolean {
    const pid = this.#child?.pid
    if (pid === undefined) return false
    const whole = signal === 'SIGKILL' || signal === 'SIGSTOP' || signal === 'SIGCONT'
    try {
      process.kill(whole ? -pid : pid, signal)
      return true
    } catch {
      // It has exited and the event is on its way.
      return false
    }
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => {})
    return mine
  }
}
