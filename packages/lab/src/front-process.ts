import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { ERROR_CODES, MeridianError } from '@meridian/topology'

import { frontReportSchema } from './front/config.ts'
import type { FrontReport } from './front/config.ts'

const START_MS_MAX = 20_000
const STOP_MS_MAX = 3_000
const MAIN = fileURLToPath(new URL('front/main.ts', import.meta.url))

/** The front as its supervisor holds it: alive as long as the pipe to its standard input is. */
export class FrontProcess {
  readonly pid: number
  readonly toxiproxyPid: number
  readonly exited: Promise<void>
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, exited: Promise<void>, ready: Extract<FrontReport, { ready: true }>) {
    this.#child = child
    this.exited = exited
    this.pid = ready.pid
    this.toxiproxyPid = ready.toxiproxyPid
    // A front that was killed could not take its child along.
    void exited.then(() => killIfThere(this.toxiproxyPid))
  }

  /** @throws MeridianError PORT_IN_USE, TOOL_MISSING, UNAVAILABLE; nothing is left running then. */
  static async start(configFile: string, logFile: string): Promise<FrontProcess> {
    const log = openSync(logFile, 'a', 0o600)
    // Its own process group: Ctrl-C in the terminal is the supervisor's to answer, in order.
    const child = spawn(process.execPath, [MAIN, configFile], { stdio: ['pipe', 'pipe', log], detached: true })
    closeSync(log)
    // A front that died while being told to stop needs no telling.
    child.stdin?.on('error', () => {})
    const exited = new Promise<void>((resolve) => {
      child.once('error', () => resolve())
      child.once('exit', () => resolve())
    })
    try {
      const report = await firstReport(child, exited)
      if (report.ready) return new FrontProcess(child, exited, report)
      const code = ERROR_CODES.find((each) => each === report.code) ?? 'INTERNAL'
      throw new MeridianError(code, report.message, { details: report.details })
    } catch (error) {
      await end(child, exited)
      if (error instanceof MeridianError) throw error
      throw new MeridianError('UNAVAILABLE', `the WAN front did not start; its log is ${logFile}`, { cause: error })
    }
  }

  /** Idempotent; resolves when the front and toxiproxy-server are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child, this.exited)
  }
}

async function firstReport(child: ChildProcess, exited: Promise<void>): Promise<FrontReport> {
  const { stdout } = child
  if (stdout === null) throw new Error('assertion: the front has no standard output')
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready within ${START_MS_MAX} ms`)), START_MS_MAX)
    const lines = createInterface({ input: stdout })
    lines.once('line', (line) => {
      clearTimeout(timer)
      const report = frontReportSchema.safeParse(parseJson(line))
      if (report.success) resolve(report.data)
      else reject(new Error(`not a report: ${JSON.stringify(line.slice(0, 200))}`))
    })
    void exited.then(() => {
      clearTimeout(timer)
      reject(new Error('ended before it was ready'))
    })
  })
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // The schema refuses it, with the line in the message.
    return undefined
  }
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.stdin?.end()
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  await exited
  clearTimeout(killer)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone, which is what was wanted.
  }
}
