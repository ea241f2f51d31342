import type { Socket } from 'node:net'

/** The port of the names below; no listener of a world may use it. */
export const PROBE_PORT = 7

/**
 * What a probe finds at `<nonce>.<kind>.<region>.wan.test:7`, answered by the front itself:
 * - `echo` sends back what it gets;
 * - `beat` also sends a byte every 20 ms unasked, so that the way back can be watched without a request going there;
 * - `witness` says what reached the other two under that nonce, as one JSON line, and ends. It is served to the own
 *   region only: it is how a canary knows what arrived on the far side without asking over the cut link.
 */
const KINDS = ['echo', 'beat', 'witness'] as const
type ProbeKind = (typeof KINDS)[number]

export interface ProbeName {
  readonly kind: ProbeKind
  readonly nonce: string
}

/** Undefined if the labels name no probe; the nonce may be missing and is '' then. */
export function parseProbeName(labels: readonly string[]): ProbeName | undefined {
  const kind = KINDS.find((each) => each === labels.at(-1))
  return kind === undefined || labels.length > 2
    ? undefined
    : { kind, nonce: labels.length === 2 ? (labels[0] ?? '') : '' }
}

/** What reached a region under one nonce since the front started. */
export interface Sighting {
  readonly connections: number
  readonly bytes: number
}

const BEAT_INTERVAL_MS = 20
const NONCES_MAX = 1_024

/** The probe point of one region. */
export class ProbePoint {
  readonly #seen = new Map<string, Sighting>()

  /** `local`: the connection came from the region's own egress and not over a link. */
  serve(socket: Socket, { kind, nonce }: ProbeName, local: boolean): void {
    switch (kind) {
      case 'witness':
        if (!local) socket.destroy()
        else {
          socket.end(`${JSON.stringify(this.#seen.get(nonce) ?? { connections: 0, bytes: 0 })}\n`)
          // Reads on, so that the other side's end is seen and the socket goes.
          socket.resume()
        }
        return
      case 'beat':
        this.#beat(socket)
        this.#echo(socket, nonce)
        return
      case 'echo':
        this.#echo(socket, nonce)
        return
      default:
        kind satisfies never
    }
  }

  #echo(socket: Socket, nonce: string): void {
    this.#note(nonce, 1, 0)
    socket.on('data', (chunk) => {
      this.#note(nonce, 0, chunk.length)
      if (!socket.write(chunk)) socket.pause()
    })
    socket.on('drain', () => socket.resume())
    socket.on('end', () => socket.end())
    socket.resume()
  }

  #beat(socket: Socket): void {
    const timer = setInterval(() => {
      if (!socket.writableNeedDrain) socket.write('.')
    }, BEAT_INTERVAL_MS)
    socket.on('close', () => clearInterval(timer))
    socket.on('end', () => clearInterval(timer))
  }

  #note(nonce: string, connections: number, bytes: number): void {
    if (nonce === '') return
    const before = this.#seen.get(nonce)
    if (before === undefined && this.#seen.size >= NONCES_MAX) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest)
        break
      }
    }
    this.#seen.set(nonce, {
      connections: (before?.connections ?? 0) + connections,
      bytes: (before?.bytes ?? 0) + bytes,
    })
  }
}
