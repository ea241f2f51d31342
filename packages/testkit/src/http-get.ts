import { request } from 'node:http'

/**
 * Status and body of one GET over a connection of its own: a pooled one could be the leftover of a killed server, and
 * would keep a stopping server waiting for it. Rejects after `timeoutMs`.
 */
export function httpGet(url: string, timeoutMs: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })
      })
    })
    call.on('error', reject)
    call.end()
  })
}
