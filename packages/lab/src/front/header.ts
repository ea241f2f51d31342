import type { Socket } from 'node:net'

/**
 * What a parser says of the bytes so far. Parsers are pure and see everything from the first byte on each call, so how
 * the bytes were cut on their way cannot matter.
 */
export type Parsed<T> =
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly reason: string }
  /** `length`: bytes consumed; what follows belongs to the tunnel. */
  | { readonly kind: 'done'; readonly value: T; readonly length: number }

export const MORE = { kind: 'more' } as const
export const bad = (reason: string): { kind: 'bad'; reason: string } => ({ kind: 'bad', reason })

export interface HeaderBounds {
  readonly bytesMax: number
  /** How long to wait for the first byte, ms. */
  readonly firstByteMsMax: number
  /** How long from the first byte to the last of the header, ms. */
  readonly restMsMax: number
}

/**
 * Reads one header off the front of `socket` and leaves the socket paused, with the bytes behind the header put back.
 * Undefined if the socket ended first, the header was late, or longer than allowed; the socket is destroyed then.
 */
export async function readHeader<T>(
  socket: Socket,
  parse: (bytes: Buffer) => Parsed<T>,
  bounds: HeaderBounds,
): Promise<Exclude<Parsed<T>, { kind: 'more' }> | undefined> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0)
    let timer = setTimeout(() => finish(undefined), bounds.firstByteMsMax)

    const finish = (parsed: Exclude<Parsed<T>, { kind: 'more' }> | undefined): void => {
      clearTimeout(timer)
      socket.off('data', onData).off('end', onEnd).off('close', onEnd)
      if (parsed === undefined) socket.destroy()
      else {
        socket.pause()
        if (parsed.kind === 'done' && parsed.length < bytes.length) socket.unshift(bytes.subarray(parsed.length))
      }
      resolve(parsed)
    }
    const onEnd = (): void => finish(undefined)
    const onData = (chunk: Buffer): void => {
      if (bytes.length === 0) {
        clearTimeout(timer)
        timer = setTimeout(() => finish(undefined), bounds.restMsMax)
      }
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const parsed = parse(bytes)
      if (parsed.kind !== 'more') finish(parsed)
      else if (bytes.length >= bounds.bytesMax) finish(bad(`header longer than ${bounds.bytesMax} bytes`))
    }
    socket.on('data', onData).on('end', onEnd).on('close', onEnd)
    socket.resume()
  })
}
