/**
 * The reaper: what ends a supervisor's children when the supervisor is gone without having ended them itself, because
 * etcd and nats-server do not notice a dead parent. Runs in a session of its own, so that no Ctrl-C takes it along.
 *
 * Standard input, line by line: `+<pid> <name>` a child was started, `-<pid>` it has exited, `bye` nothing is to be done.
 * At the end of input without a `bye`: SIGCONT and SIGTERM to all that remain, SIGKILL after GRACE_MS.
 */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { identityOf, isAlive } from '../process-identity.ts'
import type { ProcessIdentity } from '../process-identity.ts'

const GRACE_MS = 2_500
const POLL_MS = 50

const children = new Map<number, ProcessIdentity>()
let bye = false

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const match = /^([+-])([1-9][0-9]{0,9})(?: |$)/.exec(line)
  if (line === 'bye') bye = true
  else if (match?.[1] === '+') children.set(Number(match[2]), identityOf(Number(match[2])))
  else if (match?.[1] === '-') children.delete(Number(match[2]))
}

if (!bye) {
  // Newest first, as an orderly stop would.
  const left = [...children.values()].toReversed()
  for (const child of left) signal(child, 'SIGTERM')
  for (const child of left) signal(child, 'SIGCONT')
  for (let waitedMs = 0; waitedMs < GRACE_MS && left.some(isAlive); waitedMs += POLL_MS) await delay(POLL_MS)
  for (const child of left) signal(child, 'SIGKILL')
}

function signal(child: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(child)) return
  try {
    // Every child leads a group of its own; what it has started goes with it only when force is used.
    process.kill(name === 'SIGKILL' ? -child.pid : child.pid, name)
  } catch {
    // It has exited between the look and the signal.
  }
}
