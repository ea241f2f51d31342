import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'

/** How long a program that was told to end may take, before it and its children are killed. */
const KILL_GRACE_MS = 10_000

export interface ProgramOptions {
  /** Working folder, absolute. */
  readonly cwd: string
  readonly signal: AbortSignal
}

/**
 * Runs one program with our outputs and no input; resolves with its exit code, 127 if it could not be started and
 * 128 if a signal ended it. The tools of node_modules/.bin come first on its PATH, with this very Node before them.
 *
 * It gets a process group of its own, so that an abort ends its children too (test workers, the servers they started).
 * A SIGKILL of this process is not covered: then the group lives on.
 */
export function runProgram(command: string, args: readonly string[], options: ProgramOptions): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const binaries = join(import.meta.dirname, '..', '..', 'node_modules', '.bin')
  const path = [dirname(process.execPath), binaries, process.env['PATH'] ?? ''].join(delimiter)
  const child = spawn(command, args, {
    cwd: options.cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: path },
    detached: true,
  })
  let grace: NodeJS.Timeout | undefined
  const stop = (): void => {
    signalGroup(child.pid, 'SIGTERM')
    grace = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), KILL_GRACE_MS)
  }
  const settle = (code: number): void => {
    clearTimeout(grace)
    options.signal.removeEventListener('abort', stop)
    if (options.signal.aborted) signalGroup(child.pid, 'SIGKILL')
    resolve(code)
  }
  child.once('error', (error) => {
    process.stderr.write(`${command} could not be started: ${error.message}\n`)
    settle(127)
  })
  child.once('exit', (code) => settle(code ?? 128))
  if (options.signal.aborted) stop()
  else options.signal.addEventListener('abort', stop, { once: true })
  return promise
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // The group may have ended by itself; anything else would be a bug of ours.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
