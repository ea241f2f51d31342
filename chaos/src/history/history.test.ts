import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseHistory } from './history-text.ts'
import { Recorder } from './recorder.ts'
import { parseToken } from './token-text.ts'
import { valueMark } from './value-mark.ts'

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
    expect(events.map(({ t, seq, act }) => ({ t, seq, act }))).toEqual([
      { t: 10, seq: 1, act: 'up' },
      { t: 5, seq: 2, act: 'up' },
    ])
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
    ['an unknown kind', '{"t":1,"seq":1,"kind":"toString"}', /unknown kind/],
    ['a gap', '{"t":1,"seq":1,"kind":"act"}\n{"t":2,"seq":3,"kind":"act"}', /line 2: seq 3 where 2 was due/],
  ])('with %s is refused', (_, text, message) => {
    expect(() => parseHistory(text)).toThrow(message)
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
