import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

// Two nets. `exit` kills synchronously, also after an uncaught error. The shell covers what runs no handler (SIGKILL,
// SIGTERM, a terminated worker): it holds the other end of a pipe and kills what is left when the pipe closes.
// It has a session of its own, so a Ctrl-C for our group does not take it along.
const SCRIPT = `pids=' '
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done`

const alive = new Set<number>()
let pipe: Writable | undefined

/** From here on the process does not outlive this one. */
export function reapAtExit(pid: number): void {
  alive.add(pid)
  pipe ??= startReaper()
  pipe.write(`+ ${pid}\n`)
}

/** To be called as soon as the process has exited: its id may be given to another one. */
export function reaped(pid: number): void {
  if (alive.delete(pid)) pipe?.write(`- ${pid}\n`)
}

function startReaper(): Writable {
  process.on('exit', () => {
    for (const pid of alive) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has exited by itself and the event was not delivered any more.
      }
    }
  })
  const shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  shell.unref()
  // Without the shell the first net still holds: no reason to fail a test.
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref()
  return shell.stdin
}
