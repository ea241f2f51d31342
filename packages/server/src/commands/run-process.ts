import { chmod, mkdir } from 'node:fs/promises'
import { loadProcessConfig } from '@meridian/deploy'
import type { ProcessConfig } from '@meridian/deploy'
import type { Logger } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import { LOG_LEVELS, openLog } from '../log.ts'
import type { LogLevel } from '../log.ts'
import { aborted } from '@meridian/loop'

/** `data` is an option of the whole program, so commander cannot demand it of this command. */
export interface ProcessOptions {
  readonly config: string
  readonly id: string
  readonly data?: string
  readonly logLevel: string
}

export interface ProcessStart {
  readonly config: ProcessConfig
  readonly dataDir: string
  readonly log: Logger
  /** Ends the process with the error's exit code, after everything was closed. */
  readonly onFailure: (loop: string, error: unknown) => void
}

/**
 * Runs one process of a region until it is asked to stop: configuration, private folder, log, start, drain.
 *
 * @throws MeridianError of the start; the first failure of a loop
 */
export async function runProcess(
  kind: 'server' | 'node',
  options: ProcessOptions,
  signal: AbortSignal,
  start: (context: ProcessStart) => Promise<AsyncDisposable>,
): Promise<void> {
  const config = await loadProcessConfig(options.config)
  const log = openLog(logLevel(options.logLevel), {
    service: `meridian-${kind}`,
    region: config.region,
    id: options.id,
  })
  const dataDir = options.data
  if (dataDir === undefined)
    throw new MeridianError('INVALID_ARGUMENT', `meridian ${kind} needs --data DIR: the private folder of this process`)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await chmod(dataDir, 0o700)
  const failed = new AbortController()
  const onFailure = (loop: string, error: unknown) => {
    log.error({ loop, err: error }, 'process ends')
    failed.abort(error)
  }
  log.info({ config: options.config, data: dataDir, timing: config.timing, node: process.version }, 'configured')
  const running = await start({ config, dataDir, log, onFailure })
  await aborted(AbortSignal.any([signal, failed.signal]))
  log.info({}, 'draining')
  await running[Symbol.asyncDispose]()
  log.info({}, 'stopped')
  // Being asked to stop is how these processes end; only a failure is an error.
  if (failed.signal.aborted) throw failed.signal.reason
}

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text)
  if (level === undefined)
    throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no log level: ${LOG_LEVELS.join(', ')}`)
  return level
}
