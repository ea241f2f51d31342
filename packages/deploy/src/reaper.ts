import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('./reaper/main.ts', import.meta.url))

/** A reaper that cannot stay up is not started for ever. */
const STARTS_MAX = 10

/**
 * The supervisor's end of the reaper (`reaper/main.ts`). If the reaper itself dies it is started again and told anew, so
 * that for at most the length of a start nobody watches.
 */
export class Reaper implements Disposable {
  readonly #children = new Map<number, string>()
  #process: ChildProcess | undefined
  #closed = false
  #starts = 0

  constructor() {
    this.#start()
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  started(pid: number, name: string): void {
    this.#children.set(pid, name)
    this.#write(`+${pid} ${name}\n`)
  }

  /** To be called as soon as the child has exited: its id may be given to another process. */
  exited(pid: number): void {
    if (this.#children.delete(pid)) this.#write(`-${pid}\n`)
  }

  /** Tells the reaper to leave without doing anything; all children have exited. */
  [Symbol.dispose](): void {
    if (this.#closed) return
    this.#closed = true
    this.#process?.stdin?.end('bye\n')
  }

  #start(): void {
    this.#starts += 1
    const reaper = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' })
    this.#process = reaper
    // Neither the reaper nor its pipe keeps this process from ending: ending is what it waits for.
    reaper.unref()
    if (reaper.stdin !== null && 'unref' in reaper.stdin && typeof reaper.stdin.unref === 'function')
      reaper.stdin.unref()
    reaper.stdin?.on('error', () => {
      // The pipe of a dead reaper; its exit starts the next one.
    })
    reaper.once('error', () => {
      // Node itself could not be started: nothing watches, and the orderly stop still works.
    })
    reaper.once('exit', () => {
      if (this.#closed || this.#starts >= STARTS_MAX) return
      this.#start()
      for (const [pid, name] of this.#children) this.#write(`+${pid} ${name}\n`)
    })
  }

  #write(line: string): void {
    this.#process?.stdin?.write(line)
  }
}
