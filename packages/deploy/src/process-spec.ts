/** What becomes of a process that exits without having been asked to. */
export type ExitPolicy = 'restart' | 'leave-dead'

export interface ProcessSpec {
  /** Unique in its supervisor. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the process; nothing is inherited beside it. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Standard output and error, appended; its folder must exist. */
  readonly logFile: string
  /**
   * Consecutive specs of one stage are started together and stopped together; without it a spec is a stage of its own.
   * Members of one etcd cluster must share a stage: none of them is ready alone.
   */
  readonly stage?: string
  /** Asked again and again until true; one that throws says "not yet". */
  readonly ready: () => Promise<boolean>
  /** Milliseconds until a start fails. Default 30 000. */
  readonly readyTimeoutMs?: number
  /** Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** Milliseconds between the stop signal and SIGKILL. Default 5 000. */
  readonly stopTimeoutMs?: number
  /** Default `restart`. */
  readonly onExit?: ExitPolicy
}

export const READY_TIMEOUT_MS = 30_000
export const STOP_TIMEOUT_MS = 5_000

/**
 * - `starting`: runs, not ready yet;
 * - `ready`: was ready once since its start; whether it is now is for its own health check to say;
 * - `paused`: SIGSTOP, on request;
 * - `waiting`: has exited unasked and will be started again;
 * - `dead`: has exited unasked or was killed on request, and stays so until `restart`;
 * - `stopped`: was stopped on request, or has not been started yet.
 */
export type ProcessState = 'starting' | 'ready' | 'paused' | 'waiting' | 'dead' | 'stopped'

export interface ProcessStatus {
  readonly name: string
  readonly state: ProcessState
  /** Of the running process. */
  readonly pid: number | undefined
  /** Starts after the first, whatever the reason. */
  readonly restarts: number
  /** Why the last run ended: `code 1`, `SIGKILL`. */
  readonly lastExit: string | undefined
  readonly logFile: string
}

export type SupervisorEvent =
  | { readonly kind: 'started'; readonly name: string; readonly pid: number }
  | { readonly kind: 'ready'; readonly name: string; readonly afterMs: number }
  | { readonly kind: 'stopped'; readonly name: string; readonly exit: string }
  | { readonly kind: 'exited'; readonly name: string; readonly exit: string; readonly logTail: string }
  | { readonly kind: 'restarting'; readonly name: string; readonly inMs: number; readonly attempt: number }
  | { readonly kind: 'gave-up'; readonly name: string; readonly attempts: number }
