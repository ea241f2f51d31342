import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { formatEvent, mergeHistories, parseHistory } from './history-text.ts'
import { Recorder } from './recorder.ts'
import { parseToken } from './token-text.ts'
import { valueMark } from './value-mark.ts'

const line = (t: number, seq: number, kind: string, proc = 'p') =>
  JSON.stringify({ t, proc, pinc: 1, seq, act: '', kind })

const folder = mkdtempSync(join(tmpdir(), 'meridian-history-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the recorder', () => {
  it('writes what a reader reads, from before and after it has a file', async () => {
    let now = 0
    const recorder = new Recorder(() => (now += 10))
    recorder.begin('up')
    recorder.record({ kind: 'act', name: 'up', phase: 'begin' })
    const file = join(folder, 'below', 'history.jsonl')
    await recorder.writeTo(file)
    recorder.record({ kind: 'scan', keyspace: 'cities', rows: 0 }, 5)
    await recorder[Symbol.asyncDispose]()
    await recorder[Symbol.asyncDispose]()
    const events = parseHistory(readFileSync(file, 'utf8'))
    expect(events).toEqual(recorder.events)
    expect(events.map(({ t, proc, pinc, seq, act }) => ({ t, proc, pinc, seq, act }))).toEqual([
      { t: 10, proc: 'main', pinc: 1, seq: 1, act: 'up' },
      { t: 5, proc: 'main', pinc: 1, seq: 2, act: 'up' },
    ])
  })

  it('numbers each life of each process by itself', () => {
    const recorder = new Recorder(() => 7)
    recorder.record({ kind: 'proc.start' })
    for (const pinc of [1, 2]) recorder.of({ proc: 'eu-n1', pinc }).record({ kind: 'proc.start' })
    recorder.of({ proc: 'eu-n1', pinc: 2 }).record({ kind: 'proc.end' }, 9)
    expect(recorder.events.map(({ t, proc, pinc, seq }) => `${proc} ${pinc} ${seq} at ${t}`)).toEqual([
      'main 1 1 at 7',
      'eu-n1 1 1 at 7',
      'eu-n1 2 1 at 7',
      'eu-n1 2 2 at 9',
    ])
    expect(parseHistory(recorder.events.map(formatEvent).join(''))).toEqual(recorder.events)
  })

  it('tells that its file cannot be written', async () => {
    const recorder = new Recorder(() => 0)
    await recorder.writeTo(folder)
    await expect(recorder[Symbol.asyncDispose]()).rejects.toThrow(/EISDIR/)
  })
})

describe('a history', () => {
  it.each([
    ['not JSON', '{', /line 1: not JSON/],
    ['no event', '{"kind":"act"}', /line 1: an event has/],
    ['an unknown kind', line(1, 1, 'toString'), /unknown kind/],
    ['a gap', `${line(1, 1, 'act')}\n${line(2, 3, 'act')}`, /line 2: seq 3 where 2 was due, in life 1 of p/],
    ['a repetition', `${line(1, 1, 'act')}\n${line(2, 1, 'act')}`, /line 2: seq 1 where 2 was due/],
    ['no beginning', line(1, 2, 'act'), /line 1: seq 2 where 1 was due/],
  ])('with %s is refused', (_, text, message) => {
    expect(() => parseHistory(text)).toThrow(message)
  })

  it('of several processes is in the order of time, but each log in its own', () => {
    const log = (proc: string, times: readonly number[]) =>
      parseHistory(times.map((t, i) => line(t, i + 1, 'act', proc)).join('\n'))
    const merged = mergeHistories([log('a', [10, 40, 20]), log('b', [5, 30, 50])])
    expect(merged.map(({ proc, t }) => `${proc}${t}`)).toEqual(['b5', 'a10', 'b30', 'a40', 'a20', 'b50'])
    expect(parseHistory(merged.map(formatEvent).join(''))).toEqual(merged)
  })
})

describe('texts', () => {
  it('of tokens are read back', () => {
    expect(parseToken('g41.e3')).toEqual({ generation: 41n, epoch: 3n })
    expect(() => parseToken('g41')).toThrow(/no token/)
  })

  it('of values are equal when the values are, and short', () => {
    expect(valueMark(Buffer.from('new leader 1'))).toBe('=new leader 1')
    expect(valueMark(Buffer.from(''))).toBe('=')
    const long = valueMark(Buffer.from('x'.repeat(100)))
    expect(long).toMatch(/^sha256:[0-9a-f]{24}$/)
    expect(valueMark(Buffer.from('x'.repeat(100)))).toBe(long)
    expect(valueMark(Buffer.from('x'.repeat(101)))).not.toBe(long)
    expect(valueMark(Buffer.from([0xff]))).toMatch(/^sha256:/)
  })
})
