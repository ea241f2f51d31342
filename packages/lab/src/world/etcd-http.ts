import { request } from 'node:http'

import { MeridianError } from '@meridian/topology'

const ANSWER_BYTES_MAX = 1 << 16

/**
 * One call over etcd's JSON gateway, which every etcd we support serves on its client port. Counters come as text.
 *
 * @throws MeridianError UNAVAILABLE with etcd's words, or when there is no answer in time.
 */
export async function etcdCall(clientUrl: string, path: string, body: object, timeoutMs: number): Promise<unknown> {
  const text = await post(`${clientUrl}/v3/${path}`, JSON.stringify(body), timeoutMs)
  return JSON.parse(text)
}

function post(url: string, body: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const unavailable = (why: string, cause?: unknown) =>
      new MeridianError('UNAVAILABLE', `${url}: ${why}`, cause === undefined ? undefined : { cause })
    // The plain client of node:http asks no proxy, whatever the environment says.
    const call = request(url, { method: 'POST', agent: false }, (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        answer += chunk
        if (answer.length > ANSWER_BYTES_MAX) call.destroy(new Error(`an answer above ${ANSWER_BYTES_MAX} bytes`))
      })
      response.on('error', (error) => reject(unavailable(error.message, error)))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(answer)
        else reject(unavailable(`${response.statusCode} ${answer.slice(0, 300)}`))
      })
    })
    const force = setTimeout(() => call.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    call.on('close', () => clearTimeout(force))
    call.on('error', (error) => reject(unavailable(error.message, error)))
    call.end(body)
  })
}
