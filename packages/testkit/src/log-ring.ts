/** The newest bytes a process wrote, whole chunks at a time. */
export interface LogRing {
  append(chunk: Buffer | string): void
  text(): string
}

/** Keeps at most `bytesMax` bytes; the oldest go first. */
export function logRing(bytesMax = 64 * 1024): LogRing {
  const chunks: Buffer[] = []
  let bytes = 0
  return {
    append(chunk) {
      const whole = Buffer.from(chunk)
      const buffer = whole.length > bytesMax ? whole.subarray(whole.length - bytesMax) : whole
      chunks.push(buffer)
      bytes += buffer.length
      while (bytes > bytesMax) bytes -= chunks.shift()?.length ?? 0
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
  }
}
