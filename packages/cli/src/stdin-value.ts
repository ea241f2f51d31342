import { MeridianError } from '@meridian/topology'

/** More than any node takes; a guard against a stream without an end. */
export const STDIN_VALUE_BYTES_MAX = 4 * 1024 * 1024

/** Where bytes are read from; `process.stdin` is one. */
export interface ByteSource extends AsyncIterable<Uint8Array> {
  /** A person types there. */
  readonly isTTY?: boolean
  /** Ends a read that is waiting, which would keep the process alive. */
  destroy?(): unknown
}

/** All of `stdin`. @throws MeridianError VALUE_TOO_LARGE; the signal's reason when interrupted */
export async function readValue(stdin: ByteSource, signal: AbortSignal): Promise<Uint8Array> {
  return readUntil(stdin, signal, () => false)
}

/** What is typed up to the end of a line. @throws as `readValue` */
export async function readLine(stdin: ByteSource, signal: AbortSignal): Promise<string> {
  const bytes = await readUntil(stdin, signal, (chunk) => chunk.includes(LINE_END))
  const text = Buffer.from(bytes).toString('utf8')
  return text.split('\n', 1)[0] ?? ''
}

const LINE_END = 0x0a

async function readUntil(
  stdin: ByteSource,
  signal: AbortSignal,
  isLast: (chunk: Uint8Array) => boolean,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const iterator = stdin[Symbol.asyncIterator]()
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = (): void => {
    reject(signal.reason)
    stdin.destroy?.()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    for (;;) {
      const next = await Promise.race([iterator.next(), stopped])
      if (next.done === true) return Buffer.concat(chunks, bytes)
      bytes += next.value.length
      if (bytes > STDIN_VALUE_BYTES_MAX) {
        throw new MeridianError('VALUE_TOO_LARGE', `the value on stdin has more than ${STDIN_VALUE_BYTES_MAX} bytes`)
      }
      chunks.push(next.value)
      if (!isLast(next.value)) continue
      // A source that stays open would keep the process alive.
      stdin.destroy?.()
      return Buffer.concat(chunks, bytes)
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
