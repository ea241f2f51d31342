import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { readLine, readValue, STDIN_VALUE_BYTES_MAX } from './stdin-value.ts'

async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}
const open = new AbortController().signal

test('everything that comes is the value, bytes as they are', async () => {
  expect(await readValue(chunks(Buffer.from('a\n'), Buffer.from([0xff])), open)).toEqual(
    Buffer.from([0x61, 0x0a, 0xff]),
  )
  expect(await readValue(chunks(), open)).toHaveLength(0)
})

test('a stream without an end is refused at the bound', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(STDIN_VALUE_BYTES_MAX / 4)
  }
  await expect(readValue(endless(), open)).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' })
})

test('an interrupt ends the wait', async () => {
  const controller = new AbortController()
  const never = new PassThrough()
  const reading = readValue(never, controller.signal)
  controller.abort(new Error('enough'))
  await expect(reading).rejects.toThrow('enough')
  expect(never.destroyed).toBe(true)
})

test('a line ends where it ends, and nothing more is waited for', async () => {
  const typing = new PassThrough()
  const reading = readLine(typing, open)
  typing.write('us-ea')
  typing.write('st\nand more')
  expect(await reading).toBe('us-east')
  expect(typing.destroyed).toBe(true)
  expect(await readLine(chunks(Buffer.from('us')), open)).toBe('us')
})
