import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** How long a program that was told to end, and its children, may take before they are killed. */
const KILL_GRACE_MS = 10_000
const GROUP_POLL_MS = 50

export interface ProgramOptions {
  /** Working folder, absolute. */
  readonly cwd: string
  readonly signal: AbortSignal
}

/**
 * Runs one program with our outputs and no input; resolves with its exit code, 127 if it could not be started and
 * 128 if a signal ended it. The tools of node_modules/.bin come first on its PATH, with this very Node before them.
 *
 * It gets a process group of its own, so that an abort ends its children too (test workers, the servers they started);
 * the promise then resolves when the whole group has ended or was killed. A SIGKILL of this process is not covered: the group lives on.
 */
export async function runProgram(command: string, args: readonly string[], options: ProgramOptions): Promise<number> {
  const { promise: ended, resolve } = Promise.withResolvers<number>()
  const binaries = join(import.meta.dirname, '..', '..', 'node_modules', '.bin')
  const path = [dirname(process.execPath), binaries, process.env['PATH'] ?? ''].join(delimiter)
  const child = spawn(command, args, {
    cwd: options.cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    // Some of the tools take a CI for a terminal; a log file is not one.
    env: { ...process.env, PATH: path, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }) },
    detached: true,
  })
  child.once('error', (error) => {
    process.stderr.write(`${command} could not be started: ${error.message}\n`)
    resolve(127)
  })
  child.once('exit', (code) => resolve(code ?? 128))
  const group = child.pid
  if (group === undefined) return await ended

  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>()
  const onAbort = (): void => abort()
  options.signal.addEventListener('abort', onAbort, { once: true })
  if (options.signal.aborted) abort()
  await Promise.race([ended, aborted])
  options.signal.removeEventListener('abort', onAbort)
  if (options.signal.aborted) await endGroup(group)
  return await ended
}

async function endGroup(group: number): Promise<void> {
  signalGroup(group, 'SIGTERM')
  const deadlineMs = performance.now() + KILL_GRACE_MS
  while (signalGroup(group, 0)) {
    if (performance.now() > deadlineMs) {
      signalGroup(group, 'SIGKILL')
      return
    }
    await delay(GROUP_POLL_MS)
  }
}

/** False if the group has ended by itself. Signal 0 only asks. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
