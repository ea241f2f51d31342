import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { MeridianError } from '@meridian/topology'

import { encodeSocksConnect, SOCKS_GREETING } from './front/socks5.ts'

/** Where a region's processes enter the WAN, and how long a probe waits. */
export interface ProbeOptions {
  readonly egressPort: number
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
}

/** Greeting answer of 2 bytes and reply of 10: this front's replies always carry an IPv4 address. */
const METHOD_BYTES = 2
const REPLY_BYTES = 10

/**
 * One connection through an egress, with reads that end: a probe proves absence as often as presence, so "nothing came" is a
 * value here and not an error.
 */
export class Probe {
  readonly #socket: Socket
  #received = 0
  #chunks: Buffer[] = []
  #closed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.length
      this.#chunks.push(chunk)
      this.#wake()
    })
    // The close that follows tells enough.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** @throws MeridianError UNAVAILABLE when the egress cannot be reached or refuses. */
  static async open({ egressPort, host, port, timeoutMs }: ProbeOptions): Promise<Probe> {
    const socket = connect({ host: '127.0.0.1', port: egressPort, noDelay: true })
    const probe = new Probe(socket)
    socket.write(SOCKS_GREETING)
    socket.write(encodeSocksConnect({ host, port }))
    const answer = await probe.take(METHOD_BYTES + REPLY_BYTES, timeoutMs)
    const code = answer?.[METHOD_BYTES + 1]
    if (code !== 0) {
      probe.close()
      const what = code === undefined ? `no answer of the egress on port ${egressPort}` : `SOCKS reply ${code}`
      throw new MeridianError('UNAVAILABLE', `probe of ${host}:${port}: ${what}`)
    }
    return probe
  }

  /** Bytes that have come and were not taken. */
  get pendingBytes(): number {
    return this.#received
  }

  /** Bytes sent that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** The next `length` bytes; undefined if the connection ended or the time was up first. */
  async take(length: number, timeoutMs: number): Promise<Buffer | undefined> {
    const deadline = performance.now() + timeoutMs
    while (this.#received < length) {
      const leftMs = deadline - performance.now()
      if (this.#closed || leftMs <= 0) return undefined
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all.subarray(length)]
    this.#received -= length
    return all.subarray(0, length)
  }

  /** Sends `message` and waits for its echo: the time taken, ms, or undefined if it did not come back in time. */
  async roundTripMs(message: Uint8Array, timeoutMs: number): Promise<number | undefined> {
    const start = performance.now()
    this.send(message)
    const echo = await this.take(message.length, timeoutMs)
    return echo === undefined ? undefined : performance.now() - start
  }

  /** Everything until the other side ends the connection. */
  async takeAll(timeoutMs: number): Promise<Buffer> {
    await this.take(Number.POSITIVE_INFINITY, timeoutMs)
    return Buffer.concat(this.#chunks)
  }

  close(): void {
    this.#socket.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
