import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Relay } from './relay.ts'

describe('a relay', () => {
  it('counts what passes, and nothing passes once it is cut', async () => {
    await using stack = new AsyncDisposableStack()
    const echo = createServer((socket) => socket.pipe(socket))
    echo.listen(0, '127.0.0.1')
    stack.defer(() => void echo.close())
    await once(echo, 'listening')
    const address = echo.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const relay = stack.use(await Relay.open(`127.0.0.1:${address.port}`))
    const port = Number(relay.address.split(':')[1])
    const near = connect(port, '127.0.0.1')
    near.write('hello')
    const [answer] = await once(near, 'data')
    expect(String(answer)).toBe('hello')
    expect(relay.bytes).toBe(10)
    const closed = once(near, 'close')
    await relay.cut()
    await closed
    const late = connect(port, '127.0.0.1')
    const [error] = await once(late, 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(relay.bytes).toBe(10)
  })
})
