import { execFile, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, tempDir, waitFor } from '@meridian/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOG_BYTES_MAX } from './log-file.ts'
import { checkPorts } from './port-check.ts'
import { identityOf, isAlive } from './process-identity.ts'
import type { ProcessSpec, ProcessStatus, SupervisorEvent } from './process-spec.ts'
import { tcpOpen } from './probes.ts'
import { Supervisor } from './supervisor.ts'
import { lockWorld } from './world-lock.ts'

// A process that listens, appends what happens to it to a journal, and behaves as told.
const CHILD = `
const { appendFileSync } = require('node:fs')
const [name, journal, port, manner] = process.argv.slice(2)
const tell = (what) => appendFileSync(journal, name + ' ' + what + '\\n')
process.on('SIGTERM', () => { tell('term'); if (manner !== 'stubborn') process.exit(0) })
if (manner === 'broken') { console.error('no \\u001b[31mluck'); process.exit(3) }
require('node:net').createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', (data) => { if (String(data) === 'crash') process.exit(7); socket.write(data) })
}).listen(Number(port), '127.0.0.1', () => tell('up'))
`

let folder: Awaited<ReturnType<typeof tempDir>>
let script: string
beforeAll(async () => {
  folder = await tempDir('meridian-supervisor-')
  script = join(folder.path, 'child.cjs')
  writeFileSync(script, CHILD)
})
afterAll(async () => {
  await folder[Symbol.asyncDispose]()
})

let worlds = 0
function world(onEvent: (event: SupervisorEvent) => void = () => {}) {
  const path = join(folder.path, `w${++worlds}`)
  mkdirSync(path)
  const journal = join(path, 'journal')
  writeFileSync(journal, '')
  const events: SupervisorEvent[] = []
  const supervisor = new Supervisor({
    onEvent: (event) => {
      events.push(event)
      onEvent(event)
    },
  })
  const spec = async (name: string, more: Partial<ProcessSpec> & { manner?: string } = {}): Promise<ProcessSpec> => {
    const port = await freePort()
    const { manner = 'plain', ...rest } = more
    return {
      name,
      command: process.execPath,
      args: [script, name, journal, String(port), manner],
      env: {},
      cwd: path,
      logFile: join(path, `${name}.log`),
      ready: () => tcpOpen('127.0.0.1', port),
      ...rest,
    }
  }
  const statusOf = (name: string): ProcessStatus => {
    const found = supervisor.list().find((each) => each.name === name)
    if (found === undefined) throw new Error(`no ${name}`)
    return found
  }
  return {
    path,
    supervisor,
    spec,
    events,
    statusOf,
    journal: () => readFileSync(journal, 'utf8').trim().split('\n').filter(Boolean),
    state: (name: string) => statusOf(name).state,
    kinds: (name: string) => events.filter((event) => event.name === name).map((event) => event.kind),
    [Symbol.asyncDispose]: () => supervisor[Symbol.asyncDispose](),
  }
}

const portOf = (spec: ProcessSpec): number => Number(spec.args[3])

async function send(spec: ProcessSpec, text: string): Promise<void> {
  const { connect } = await import('node:net')
  await new Promise<void>((resolve) => {
    const socket = connect(portOf(spec), '127.0.0.1', () => socket.write(text))
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}

describe('a supervisor', () => {
  it('starts in order, each after the one before is ready, and stops in reverse', async () => {
    await using w = world()
    await w.supervisor.start([await w.spec('a'), await w.spec('b'), await w.spec('c')])
    expect(w.journal()).toEqual(['a up', 'b up', 'c up'])
    expect(w.supervisor.list().map((each) => each.state)).toEqual(['ready', 'ready', 'ready'])
    await Promise.all([w.supervisor.stopAll(), w.supervisor.stopAll()])
    expect(w.journal().slice(3)).toEqual(['c term', 'b term', 'a term'])
    expect(w.supervisor.list().map((each) => [each.state, each.pid])).toEqual(Array(3).fill(['stopped', undefined]))
    expect(statSync(join(w.path, 'a.log')).mode & 0o077).toBe(0)
  })

  it('starts a stage together', async () => {
    await using w = world()
    // Neither is ready before both are up.
    const [a, b] = [await w.spec('a'), await w.spec('b')]
    const ready = async () => (await tcpOpen('127.0.0.1', portOf(a))) && (await tcpOpen('127.0.0.1', portOf(b)))
    await w.supervisor.start([{ ...a, stage: 'members', ready }, { ...b, stage: 'members', ready }, await w.spec('c')])
    expect(w.journal()[2]).toBe('c up')
  })

  it('says with the end of the log why a process did not start, and leaves no later one started', async () => {
    await using w = world()
    const specs = [await w.spec('a'), await w.spec('b', { manner: 'broken' }), await w.spec('c')]
    await expect(w.supervisor.start(specs)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /^b exited with code 3 before it was ready; the end of .*b\.log:\n {2}no \\u\{1b\}\[31mluck$/,
      ),
    })
    expect([w.state('a'), w.state('b'), w.state('c')]).toEqual(['ready', 'dead', 'stopped'])
  })

  it('refuses what cannot be run, and what is not ready in time', async () => {
    await using w = world()
    await expect(w.supervisor.start([await w.spec('a', { command: join(w.path, 'none') })])).rejects.toMatchObject({
      code: 'TOOL_MISSING',
      message: expect.stringContaining('ENOENT'),
    })
    const late = await w.spec('b', { ready: () => Promise.reject(new Error('never')), readyTimeoutMs: 200 })
    await expect(w.supervisor.start([late])).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('was not ready after 200 ms'),
    })
  })

  it('ends a start in flight when it is stopped', async () => {
    await using w = world()
    const start = w.supervisor.start([await w.spec('a', { ready: async () => false }), await w.spec('b')])
    const refused = expect(start).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await waitFor('a runs', () => w.journal().includes('a up'))
    await w.supervisor.stopAll()
    await refused
    expect(w.state('b')).toBe('stopped')
    expect(w.journal()).toEqual(['a up', 'a term'])
  })

  it('kills what does not stop, paused or not', async () => {
    await using w = world()
    await w.supervisor.start([await w.spec('a', { manner: 'stubborn', stopTimeoutMs: 300 }), await w.spec('b')])
    w.supervisor.pause('b')
    await w.supervisor.stopAll()
    expect(w.statusOf('a').lastExit).toBe('SIGKILL')
    // A stopped process that is asked to end first continues, and ends as it would have.
    expect(w.statusOf('b').lastExit).toBe('code 0')
    expect(w.journal()).toContain('b term')
  })

  it('leaves a killed process dead until it is restarted', async () => {
    await using w = world()
    await w.supervisor.start([await w.spec('a')])
    const before = w.statusOf('a').pid
    await w.supervisor.kill('a')
    expect(w.statusOf('a')).toMatchObject({ state: 'dead', lastExit: 'SIGKILL', pid: undefined })
    await w.supervisor.restart('a')
    expect(w.statusOf('a')).toMatchObject({ state: 'ready', restarts: 1 })
    expect(w.statusOf('a').pid).not.toBe(before)
    expect(w.kinds('a')).toEqual(['started', 'ready', 'exited', 'started', 'ready'])
  })

  it('pauses and resumes', async () => {
    await using w = world()
    const spec = await w.spec('a')
    await w.supervisor.start([spec])
    w.supervisor.pause('a')
    expect(w.state('a')).toBe('paused')
    const echo = send(spec, 'crash')
    await waitFor('the process is stopped', () =>
      /^\d+ \(.*\) T/.test(readFileSync(`/proc/${w.statusOf('a').pid}/stat`, 'utf8')),
    )
    w.supervisor.resume('a')
    await echo
    await waitFor('it crashed after all', () => w.kinds('a').includes('exited'))
  })

  it('starts what crashes again, unless told to leave it', async () => {
    await using w = world()
    const [a, b] = [await w.spec('a'), await w.spec('b', { onExit: 'leave-dead' })]
    await w.supervisor.start([a, b])
    await Promise.all([send(a, 'crash'), send(b, 'crash')])
    await waitFor('a is back', () => w.statusOf('a').restarts === 1 && w.state('a') === 'ready')
    await waitFor('b is dead', () => w.state('b') === 'dead')
    expect(w.kinds('b')).not.toContain('restarting')
    expect(w.events).toContainEqual(expect.objectContaining({ kind: 'exited', name: 'a', exit: 'code 7' }))
  })

  it('does not start what was asked to stop while it waited to be started again', async () => {
    const waits = Promise.withResolvers<string>()
    let stopping: Promise<void> | undefined
    await using w = world((event) => {
      if (event.kind !== 'restarting') return
      waits.resolve(w.state('a'))
      stopping = w.supervisor.stop('a')
    })
    const a = await w.spec('a')
    await w.supervisor.start([a])
    await send(a, 'crash')
    expect(await waits.promise).toBe('waiting')
    await stopping
    expect(w.state('a')).toBe('stopped')
    expect(w.kinds('a')).toEqual(['started', 'ready', 'exited', 'restarting'])
  })

  it('puts a long log aside', async () => {
    await using w = world()
    writeFileSync(join(w.path, 'a.log'), Buffer.alloc(LOG_BYTES_MAX, 'x'))
    await w.supervisor.start([await w.spec('a')])
    expect(statSync(join(w.path, 'a.log.1')).size).toBe(LOG_BYTES_MAX)
    expect(statSync(join(w.path, 'a.log')).size).toBe(0)
  })

  it('gets a new reaper when the reaper dies', async () => {
    await using w = world()
    await w.supervisor.start([await w.spec('a')])
    const first = w.supervisor.reaperPid ?? 0
    process.kill(first, 'SIGKILL')
    await waitFor('another reaper', () => w.supervisor.reaperPid !== undefined && w.supervisor.reaperPid !== first)
    const second = identityOf(w.supervisor.reaperPid ?? 0)
    await w.supervisor[Symbol.asyncDispose]()
    await waitFor('it leaves with the supervisor', () => !isAlive(second))
  })
})

describe('children of a supervisor that is killed', () => {
  it('are gone soon, the stubborn and the paused included', async () => {
    const journal = join(folder.path, 'orphans')
    const ports = [await freePort(), await freePort(), await freePort()]
    const main = join(folder.path, 'supervisor.ts')
    writeFileSync(
      main,
      `import { Supervisor } from ${JSON.stringify(fileURLToPath(new URL('./supervisor.ts', import.meta.url)))}
       import { tcpOpen } from ${JSON.stringify(fileURLToPath(new URL('./probes.ts', import.meta.url)))}
       const supervisor = new Supervisor()
       const names = ['plain', 'stubborn', 'paused']
       await supervisor.start(names.map((name, i) => ({
         name, command: process.execPath, args: [${JSON.stringify(script)}, name, ${JSON.stringify(journal)}, String(${JSON.stringify(ports)}[i]), name],
         env: {}, cwd: '/', logFile: ${JSON.stringify(folder.path)} + '/orphan-' + name + '.log', stage: 'all',
         ready: () => tcpOpen('127.0.0.1', ${JSON.stringify(ports)}[i]),
       })))
       supervisor.pause('paused')
       console.log(JSON.stringify([...supervisor.list().map((each) => each.pid), supervisor.reaperPid]))
       setInterval(() => {}, 1000)`,
    )
    const supervisor = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] })
    const line = await new Promise<string>((resolve, reject) => {
      supervisor.stdout.once('data', (data: Buffer) => resolve(data.toString()))
      supervisor.once('exit', (code) => reject(new Error(`supervisor exited with ${code}`)))
    })
    const pids: number[] = JSON.parse(line)
    const children = pids.map(identityOf)
    expect(children.every(isAlive)).toBe(true)
    supervisor.removeAllListeners('exit')
    supervisor.kill('SIGKILL')
    await waitFor('all have ended, the reaper last', () => !children.some(isAlive), { timeoutMs: 30_000 })
    expect(readFileSync(journal, 'utf8')).toContain('plain term')
    expect(readFileSync(journal, 'utf8')).toContain('paused term')
  })
})

describe('a world folder', () => {
  it('is private, and has one holder at a time', async () => {
    const path = join(folder.path, 'world')
    mkdirSync(path, { mode: 0o755 })
    const lock = await lockWorld(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    await expect(lockWorld(path)).rejects.toMatchObject({
      code: 'WORLD_IN_USE',
      message: expect.stringContaining(`process ${process.pid}`),
    })
    await lock[Symbol.asyncDispose]()
    await using again = await lockWorld(path)
    expect(again.tookOverFrom).toBeUndefined()
  })

  it('is taken over from the dead, by one', async () => {
    const path = join(folder.path, 'stale')
    mkdirSync(path)
    const dead = await new Promise<number>((resolve) => {
      const child = execFile(process.execPath, ['-e', ''], () => resolve(child.pid ?? 0))
    })
    writeFileSync(join(path, 'lock'), JSON.stringify({ pid: dead, startTicks: '1' }))
    const takers = await Promise.allSettled([lockWorld(path), lockWorld(path), lockWorld(path)])
    const won = takers.filter((taker) => taker.status === 'fulfilled')
    expect(won).toHaveLength(1)
    await won[0]?.value[Symbol.asyncDispose]()

    writeFileSync(join(path, 'lock'), JSON.stringify({ pid: dead, startTicks: '1' }))
    await using alone = await lockWorld(path)
    expect(alone.tookOverFrom).toBe(dead)
  })

  it('is not held by a process that only has the id of its holder', async () => {
    const path = join(folder.path, 'reused')
    mkdirSync(path)
    writeFileSync(join(path, 'lock'), JSON.stringify({ pid: process.pid, startTicks: '1' }))
    await using lock = await lockWorld(path)
    expect(lock.tookOverFrom).toBe(process.pid)
  })
})

describe('a check of ports', () => {
  it('names every one that is taken, what for and by whom', async () => {
    await using w = world()
    const [a, b] = [await w.spec('a'), await w.spec('b')]
    await w.supervisor.start([a, b])
    const free = { host: '127.0.0.1', port: await freePort(), what: 'something else' }
    const uses = [
      { host: '127.0.0.1', port: portOf(a), what: 'global etcd' },
      { host: '0.0.0.0', port: portOf(b), what: 'NATS' },
      free,
    ]
    await expect(checkPorts(uses)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: `port ${portOf(a)} (global etcd): in use by pid ${w.statusOf('a').pid} (${comm(w.statusOf('a').pid)})\nport ${portOf(b)} (NATS): in use by pid ${w.statusOf('b').pid} (${comm(w.statusOf('b').pid)})`,
    })
    await checkPorts([free])
    await expect(checkPorts([{ host: '192.0.2.1', port: free.port, what: 'x' }])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('not an address of this machine'),
    })
  })
})

const comm = (pid: number | undefined): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
