import { EventEmitter } from 'node:events'
import { describe, expect, it, test } from 'vitest'
import { ERROR_TABLE } from '@meridian/protocol'
import { ERROR_CODES, MeridianError } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'
import { adviceFor } from './advice.ts'
import { contextOf } from './program.ts'
import type { Program } from './program.ts'
import { recordedRun } from './recorded-run.ts'

/** A command that ends with `error`. */
const failing = (error: unknown) => (program: Program) =>
  program.command('fail').action(() => {
    throw error
  })

describe('exit codes', () => {
  it.each(ERROR_CODES)('%s ends with the code of its row', async (code: ErrorCode) => {
    const run = await recordedRun(['fail'], { add: failing(new MeridianError(code, 'no')) })
    expect(run.exit).toBe(ERROR_TABLE[code].exit)
    expect(run.stdout).toBe('')
    expect(run.stderr.split('\n')[0]).toBe(`error ${code}: no`)
  })

  it.each([
    [['--help'], 0],
    [['--version'], 0],
    [['range', 'split', '--help'], 0],
    [['help', 'status'], 0],
    [['errors'], 0],
    [[], 2],
    [['range'], 2],
    [['nope'], 2],
    [['status', '--nope'], 2],
    [['get'], 2],
    [['get', 'cities'], 2],
    [['get', 'cities/a', '--mode', 'eventual'], 2],
    [['get', 'cities/a', '--timeout', '5'], 2],
    [['get', 'cities/a', '--server', 'nowhere'], 2],
    [['get', 'cities/a', '--nats', 'http://x:1'], 2],
    [['get', 'cities/a', '--region', 'EU'], 2],
    [['get', 'cities/a', '--raw', '--json'], 2],
    [['keyspace', 'create', 'a'], 2],
    [['range', 'split', 'cities'], 2],
    [['range', 'split', 'cities', 'a', '--expect-generation', 'x'], 2],
    [['range', 'merge', 'cities', 'a', '--operation', 'a b'], 2],
    [['shard', 'hand-over', '12'], 2],
    [['scan', 'cities', '--limit', '0'], 2],
    [['scan', 'cities', '--from', 'b', '--to', 'a'], 2],
    [['scan', 'cities', '--prefix', 'b', '--to', 'a'], 2],
    [['errors', 'NOPE'], 2],
    [['leader'], 2],
    [['leader', 'prefer'], 2],
    [['leader', 'prefer', 'eu-west', '--clear'], 2],
    [['leader', 'prefer', 'EU'], 2],
    [['tax', 'nope'], 2],
    [['range', 'transfer', 'cities/a'], 2],
    [['range', 'transfer', 'cities/a', '--to', 'EU'], 2],
    [['range', 'transfer', 'cities/a', '--to', 'eu', '--reason', 'x'.repeat(401)], 2],
    [['range', 'transfer', 'cities/a', '--to', 'eu'], 1],
    [['range', 'policy', 'cities/a'], 2],
    [['range', 'policy', 'cities/a', '--failover', 'never'], 2],
    [['range', 'policy', 'cities/a', '--failover', 'auto', '--budget', '10m'], 2],
    [['range', 'standbys', 'cities/a'], 2],
    [['range', 'standbys', 'cities/a', '--set', 'eu,'], 2],
    [['region', 'evacuate', 'us', '--concurrency', '0'], 2],
    [['region', 'failover'], 2],
    [['shard', 'move', '12.0'], 2],
    [['ops', 'show', 'a b'], 2],
    [['ops', 'list'], 1],
    [['node', 'drain'], 2],
    [['quarantine', 'list', '--shard', '12'], 2],
    [['quarantine', 'list', '--limit', '0'], 2],
    [['quarantine', 'drop'], 2],
    [['node', 'decommission', 'us-n1', '--force'], 2],
    [['rtt'], 1],
    [['status'], 1],
  ])('meridian %j ends with %d', async (args, exit) => {
    const run = await recordedRun(args)
    expect(run.exit, run.stderr).toBe(exit)
    if (exit === 0) expect(run.stderr).toBe('')
    else expect(run.stderr).toMatch(/^error [A-Z_]+: /m)
  })

  it('are what a command that ended in order says', async () => {
    const add = (program: Program) => program.command('find').action((_, self) => contextOf(self).exitWith(6))
    expect((await recordedRun(['find'], { add })).exit).toBe(6)
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('after %s it is %d, and the command has cleaned up', async (name, exit) => {
    const signals = new EventEmitter()
    let cleaned = false
    const add = (program: Program) =>
      program.command('wait').action(async (_, self) => {
        const { signal } = contextOf(self)
        try {
          const aborted = new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true })
          })
          signals.emit(name, name)
          await aborted
        } finally {
          cleaned = true
        }
      })
    const run = await recordedRun(['wait'], { add, signals })
    expect(run).toMatchObject({ exit, stderr: `error INTERRUPTED: stopped by ${name}\n` })
    expect(cleaned).toBe(true)
    expect(signals.listenerCount(name)).toBe(0)
  })

  it("after a signal are the signal's, whatever the calls then failed with, unless the outcome is unknown", async () => {
    const signals = new EventEmitter()
    const add = (code: ErrorCode) => (program: Program) =>
      program.command('call').action(() => {
        signals.emit('SIGINT', 'SIGINT')
        throw new MeridianError(code, 'no')
      })
    const given = await recordedRun(['call'], { add: add('UNAVAILABLE'), signals })
    expect(given).toMatchObject({ exit: 130, stderr: 'error INTERRUPTED: stopped by SIGINT\n' })
    const unknown = await recordedRun(['call'], { add: add('OUTCOME_UNKNOWN'), signals })
    expect(unknown.exit).toBe(130)
    expect(unknown.stderr).toContain('error OUTCOME_UNKNOWN: no\n')
  })

  it('is that of a command that drained after a signal and ended in order', async () => {
    const signals = new EventEmitter()
    const add = (program: Program) => program.command('serve').action(() => void signals.emit('SIGTERM', 'SIGTERM'))
    expect((await recordedRun(['serve'], { add, signals })).exit).toBe(0)
  })
})

describe('an error is told', () => {
  it('with the help worth reading when the call was wrong', async () => {
    const run = await recordedRun(['range', 'split', '--nope'])
    expect(run.stderr).toBe("error INVALID_ARGUMENT: unknown option '--nope'\n  see: meridian range split --help\n")
  })

  it('with what to do, unless the message says it', async () => {
    const said = new MeridianError('UNAVAILABLE', 'gone; start it with: meridian up')
    expect((await recordedRun(['fail'], { add: failing(said) })).stderr.split('\n')).toHaveLength(2)
    const unsaid = new MeridianError('UNAVAILABLE', 'gone')
    expect((await recordedRun(['fail'], { add: failing(unsaid) })).stderr).toContain(
      '\n  see who answers: meridian status\n',
    )
  })

  it('without a stack unless asked', async () => {
    const add = failing(new TypeError('x is undefined'))
    const run = await recordedRun(['fail'], { add })
    expect(run.exit).toBe(1)
    expect(run.stderr).toBe('error INTERNAL: x is undefined\n  to see where it comes from, repeat with --debug\n')
    expect((await recordedRun(['--debug', 'fail'], { add })).stderr).toMatch(/\n {2} *at .*run-program\.test\.ts/)
  })

  it('escaped', async () => {
    const hostile = new MeridianError('INTERNAL', 'a\u001b[2J\nerror OK: all is well')
    const { stderr } = await recordedRun(['fail'], { add: failing(hostile) })
    expect(stderr).toContain('error INTERNAL: a\\u{1b}[2J\n  error OK: all is well\n')
  })

  it('as one document with --json, also when the line could not be read', async () => {
    const error = new MeridianError('GENERATION_MISMATCH', 'it is 4', { details: { generation: '4' } })
    const run = await recordedRun(['fail', '--json'], { add: failing(error) })
    expect(run.exit).toBe(4)
    expect(JSON.parse(run.stdout)).toEqual({
      error: { code: 'GENERATION_MISMATCH', message: 'it is 4', details: { generation: '4' } },
    })
    const usage = await recordedRun(['status', '--nope', '--json'])
    expect(JSON.parse(usage.stdout)).toMatchObject({ error: { code: 'INVALID_ARGUMENT' } })
  })

  it('in color on a terminal only, and not against the wish', async () => {
    const add = failing(new MeridianError('INTERNAL', 'no'))
    expect((await recordedRun(['fail'], { add, columns: 80 })).stderr).toContain('\u001b[')
    expect((await recordedRun(['fail', '--no-color'], { add, columns: 80 })).stderr).not.toContain('\u001b[')
    expect((await recordedRun(['fail'], { add, columns: 80, env: { NO_COLOR: '1' } })).stderr).not.toContain('\u001b[')
    expect((await recordedRun(['fail'], { add })).stderr).not.toContain('\u001b[')
  })
})

test('there is advice for every error, except where sending it again cannot help', () => {
  const silent = ERROR_CODES.filter((code) => adviceFor(code, 'no') === undefined)
  expect(silent.filter((code) => ERROR_TABLE[code].retry !== 'give-up')).toEqual([])
})

test('global options count before and after the command', async () => {
  const seen: unknown[] = []
  const add = (program: Program) => program.command('see').action((_, self) => void seen.push(contextOf(self).options))
  const env = { MERIDIAN_HOME: '/home/m' }
  const args = ['--server', 'a:1', '--quiet', '--timeout', '2s']
  await recordedRun([...args, 'see'], { add, env })
  await recordedRun(['see', ...args], { add, env })
  expect(seen[0]).toEqual(seen[1])
  expect(seen[0]).toMatchObject({
    data: '/home/m/.meridian/world',
    servers: ['a:1'],
    timeoutMs: 2000,
    quiet: true,
    json: false,
  })
  await recordedRun(['see'], { add, env: { ...env, MERIDIAN_DATA: '/data' } })
  expect(seen[2]).toMatchObject({ data: '/data', servers: [], timeoutMs: 30_000, quiet: false })
})
