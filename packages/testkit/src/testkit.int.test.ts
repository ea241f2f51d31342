import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { freePorts, startEtcd, startNats, startTcpCutter, startToxiproxy, tempDir, waitFor } from './index.ts'
import { httpGet } from './http-get.ts'

/** An echo server and what it has received in all. */
async function startEcho() {
  const sockets = new Set<Socket>()
  let received = ''
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      socket.write(chunk)
    })
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A client connection that remembers what came back. */
function dial(address: string) {
  const [host = '', port] = address.split(':')
  const socket = connect({ host, port: Number(port), noDelay: true })
  let text = ''
  let failure: string | undefined
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code))
  return {
    send: (data: string) => socket.write(data),
    text: () => text,
    failure: () => failure,
    closed: () => waitFor('the connection to close', () => socket.closed, { diagnose: () => `got '${text}'` }),
    got: (wanted: string) => waitFor(`'${wanted}'`, () => text.includes(wanted), { everyMs: 1, diagnose: () => text }),
    [Symbol.dispose]: () => {
      socket.destroy()
    },
  }
}

test('one member keeps its data over SIGKILL and a start', async () => {
  await using etcd = await startEtcd()
  const [member] = etcd.members
  if (!member) throw new Error('no member')
  await etcd.etcdctl(['put', 'k', 'v'])
  const { pid } = member
  await member.kill()
  await expect(etcd.etcdctl(['get', 'k', '--command-timeout=300ms'])).rejects.toThrow('etcdctl get k')
  await member.start()
  expect(member.pid).not.toBe(pid)
  expect(await etcd.etcdctl(['get', 'k', '--print-value-only'])).toBe('v\n')
  await member.stop()
  await member.start()
  expect(await etcd.etcdctl(['get', 'k', '--print-value-only'])).toBe('v\n')
  expect(member.logs()).toContain('exited with SIGKILL')
})

test('three members: a minority may die or hang, a majority may not', async () => {
  await using etcd = await startEtcd({ members: 3 })
  const [a, b, c] = etcd.members
  if (!a || !b || !c) throw new Error('three members expected')
  await a.kill()
  await b.start()
  await etcd.etcdctl(['put', 'k', 'one dead'])
  b.pause()
  await expect(etcd.etcdctl(['put', 'k', 'no quorum', '--command-timeout=500ms'])).rejects.toThrow('etcdctl put')
  b.resume()
  await a.start()
  await etcd.ready()
  await etcd.etcdctl(['put', 'k', 'healed'])
  await Promise.all([a, b, c].map((member) => member.kill()))
  await Promise.all([a, b, c].map((member) => member.start()))
  expect(await etcd.etcdctl(['get', 'k', '--print-value-only'])).toBe('healed\n')
})

test('a member that cannot start fails at once and says why', async () => {
  await expect(startEtcd({ extraArgs: ['--no-such-flag'] })).rejects.toThrow(/exited with code[\s\S]*no-such-flag/)
})

test('a nats-server delivers, hangs, dies and comes back on its port', async () => {
  await using nats = await startNats()
  using client = dial(`127.0.0.1:${nats.port}`)
  client.send('CONNECT {"verbose":false}\r\nSUB s 1\r\nPUB s 5\r\nhello\r\n')
  await client.got('MSG s 1 5\r\nhello')
  nats.pause()
  client.send('PUB s 5\r\nagain\r\nPING\r\n')
  nats.resume()
  await client.got('again')
  await nats.kill()
  await client.closed()
  await nats.start()
  await nats.stop()
  await nats.start()
  using later = dial(`127.0.0.1:${nats.port}`)
  await later.got('INFO ')
})

test('a leaf joins its hub through a link, and the link decides what crosses', async () => {
  await using hub = await startNats()
  await using toxiproxy = await startToxiproxy()
  const link = await toxiproxy.proxy('leaf to hub', hub.leafUrl)
  await using leaf = await startNats({ leafOf: `nats-leaf://${link.address}` })
  const leaves = async (): Promise<number> => {
    const { body } = await httpGet(`${hub.monitorUrl}/leafz`, 1_000)
    return (JSON.parse(body) as { leafnodes: number }).leafnodes
  }
  await waitFor('the leaf to join', async () => (await leaves()) === 1, { diagnose: leaf.logs })
  using listener = dial(`127.0.0.1:${leaf.port}`)
  using speaker = dial(`127.0.0.1:${hub.port}`)
  listener.send('CONNECT {"verbose":false}\r\nSUB s 1\r\nPING\r\n')
  speaker.send('CONNECT {"verbose":false}\r\n')
  await listener.got('PONG')
  await waitFor(
    'a message to cross',
    () => {
      speaker.send('PUB s 2\r\nhi\r\n')
      return listener.text().includes('hi')
    },
    { diagnose: hub.logs },
  )
  await link.refuse()
  await waitFor('the leaf to be gone', async () => (await leaves()) === 0, { diagnose: hub.logs })
  await link.accept()
  await waitFor('the leaf to be back', async () => (await leaves()) === 1, { diagnose: leaf.logs })
})

test('a link delays both ways, swallows, refuses and heals', async () => {
  await using echo = await startEcho()
  await using toxiproxy = await startToxiproxy()
  const link = await toxiproxy.proxy('eu/us?', echo.address, { latencyMs: 30 })
  using first = dial(link.address)
  const begun = performance.now()
  first.send('a')
  await first.got('a')
  expect(performance.now() - begun).toBeGreaterThanOrEqual(60)

  await link.latency(0)
  await link.cut()
  first.send('lost')
  using second = dial(link.address)
  second.send('lost too')
  // A later exchange on another link shows that time enough has passed for the swallowed bytes to arrive.
  await using other = await toxiproxy.proxy('eu/us?', echo.address)
  using witness = dial(other.address)
  witness.send('w')
  await witness.got('w')
  expect([first.text(), second.text(), echo.received()]).toEqual(['a', '', 'aw'])
  await link.heal()
  await Promise.all([first.closed(), second.closed()])

  using third = dial(link.address)
  third.send('b')
  await third.got('b')
  await link.refuse()
  await link.refuse()
  await third.closed()
  using fourth = dial(link.address)
  await fourth.closed()
  expect(fourth.failure()).toBe('ECONNREFUSED')
  await link.accept()

  await link.cutAfterBytes('downstream', 3)
  using fifth = dial(link.address)
  fifth.send('12345')
  await fifth.closed()
  expect(fifth.text()).toBe('123')
  await link.reset()
  using sixth = dial(link.address)
  sixth.send('12345')
  await sixth.got('12345')
  await link[Symbol.asyncDispose]()
  await link[Symbol.asyncDispose]()
  await sixth.closed()
})

test('a cutter passes, cuts at a byte, and loses answers', async () => {
  await using echo = await startEcho()
  await using cutter = await startTcpCutter(echo.address)
  using first = dial(cutter.address)
  first.send('abc')
  await first.got('abc')
  expect(cutter.connections).toBe(1)

  // The request arrives, the answer does not, the connection stays.
  cutter.dropResponses(true)
  first.send('def')
  await waitFor('the request to arrive', () => echo.received() === 'abcdef')
  cutter.onBytes('downstream', (total) => (total >= 6 ? 'cut' : 'pass'))
  first.send('g')
  await first.closed()
  expect(first.text()).toBe('abc')
  cutter.dropResponses(false)
  cutter.onBytes('downstream', undefined)

  // The request never arrives.
  cutter.onBytes('upstream', () => 'cut')
  using second = dial(cutter.address)
  second.send('never')
  await second.closed()
  cutter.onBytes('upstream', (total, chunk) => (total > 4 ? chunk.length - (total - 4) : 'pass'))
  using third = dial(cutter.address)
  third.send('12345678')
  await third.closed()
  await waitFor('the first four bytes', () => echo.received() === 'abcdefg1234', { diagnose: echo.received })
  cutter.onBytes('upstream', undefined)

  using fourth = dial(cutter.address)
  fourth.send('x')
  await fourth.got('x')
  cutter.cutAll()
  await fourth.closed()
  expect(cutter.connections).toBe(0)
})

test('a cutter in front of etcd: the write is stored and its answer lost', async () => {
  await using etcd = await startEtcd()
  await using cutter = await startTcpCutter(etcd.endpoints[0] ?? '')
  cutter.onBytes('upstream', (_total, chunk) => {
    if (chunk.includes('the-key')) cutter.dropResponses(true)
    return 'pass'
  })
  const write = etcd.etcdctl(['put', 'the-key', 'v', `--endpoints=${cutter.address}`, '--command-timeout=10s'])
  const unanswered = expect(write).rejects.toThrow('etcdctl put')
  const stored = async () => (await etcd.etcdctl(['get', 'the-key', '--print-value-only'])) === 'v\n'
  await waitFor('the write to be stored', stored, { timeoutMs: 30_000 })
  cutter.cutAll()
  await unanswered
})

test('ports are distinct and folders are removed', async () => {
  const ports = await freePorts(50)
  expect(new Set(ports).size).toBe(50)
  const dir = await tempDir()
  expect(existsSync(dir.path)).toBe(true)
  await dir[Symbol.asyncDispose]()
  await dir[Symbol.asyncDispose]()
  expect(existsSync(dir.path)).toBe(false)
})

test.each(['process.exit(0)', 'throw new Error("uncaught")', 'process.kill(process.pid, "SIGKILL")'])(
  'no server outlives its test process: %s',
  async (ending) => {
    const script = `
      const { startNats } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
      const a = await startNats()
      const b = await startNats()
      await a.kill()
      b.pause()
      process.stdout.write(String(b.pid) + ';', () => setImmediate(() => { ${ending} }))`
    // What it leaves behind in its temporary folder, nobody else removes.
    await using dir = await tempDir()
    const env = { ...process.env, TMPDIR: dir.path }
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await once(child, 'exit')
    const pid = Number(/^(\d+);/.exec(output)?.[1])
    expect(pid).toBeGreaterThan(0)
    await waitFor(`process ${pid} to be gone`, () => !isAlive(pid))
  },
)

/** A zombie counts as dead: when its parent is gone, the time of its burial is the init process's choice. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}
