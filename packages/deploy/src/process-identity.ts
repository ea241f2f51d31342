import { readFileSync } from 'node:fs'

/**
 * A process and not merely its id, which the system gives to another one later. `startTicks` is undefined where the
 * system does not tell (no /proc); then a reused id cannot be told apart.
 */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: string | undefined
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTicks: stat(pid)?.startTicks }
}

/** Whether that very process still runs. A zombie does not: nothing of it is left but its exit code. */
export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  const now = stat(pid)
  if (now !== undefined) return now.state !== 'Z' && (startTicks === undefined || now.startTicks === startTicks)
  if (startTicks !== undefined) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Fields 3 and 22 of /proc/<pid>/stat, counted after the command, which may contain blanks and parentheses itself. */
function stat(pid: number): { state: string; startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state, startTicks] = [fields[0], fields[19]]
    return state === undefined || startTicks === undefined ? undefined : { state, startTicks }
  } catch {
    // No such process, or no /proc here: the caller asks in another way.
    return undefined
  }
}
