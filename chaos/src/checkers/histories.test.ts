import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseHistory } from '../history/history-text.ts'
import { claimsOn, judge } from './claims.ts'
import { checkRecording } from './recording.ts'
import { ALL_CHECKERS, judgeAll } from './all-checkers.ts'

const FOLDER = new URL('../../histories/', import.meta.url)
const VERDICT_OF: Readonly<Record<string, string>> = { good: 'valid', bad: 'invalid', void: 'unknown' }

/** `<claim>.<good|bad|void>.<what>.jsonl` */
const samples = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.jsonl'))
  .map((file) => {
    const [claim = '', kind = '', what = ''] = file.split('.')
    return { file, claim, kind, what }
  })
const claims = claimsOn('cities')
const checks = new Map([...claims, ...ALL_CHECKERS].map(({ name, check }) => [name, check]))

describe('sample histories', () => {
  it.each(samples)('$claim: $kind, $what', ({ file, claim, kind }) => {
    const verdict = checks.get(claim)?.(parseHistory(readFileSync(new URL(file, FOLDER), 'utf8')))
    expect(verdict, verdict?.why).toMatchObject({ verdict: VERDICT_OF[kind] })
    expect(verdict?.why).not.toBe('')
  })

  it.each([...checks.keys()])('of the claim %s show that it can hold, be broken and be left open', (name) => {
    const kinds = new Set(samples.filter(({ claim }) => claim === name).map(({ kind }) => kind))
    expect([...kinds].toSorted()).toEqual(['bad', 'good', 'void'])
  })
})

describe('judging', () => {
  it('leaves out claims about acts that were not played', () => {
    expect(judge(claims, new Set(['up', 'load']), []).map(({ claim }) => claim)).toEqual([
      'links',
      'counts',
      'sample',
      'no-loss',
      'log-order',
      'witness',
      'one-owner',
      'generations',
      'subordination',
      'one-leader',
      'stamp-order',
      'operations',
      'one-history',
    ])
  })

  it('finds every claim open when nothing was recorded', () => {
    const all = new Set(claims.flatMap(({ needs }) => needs))
    const verdicts = judge(claims, all, [])
    expect(verdicts).toHaveLength(claims.length)
    expect(verdicts.every(({ verdict }) => verdict === 'unknown')).toBe(true)
  })

  it('takes a checker that throws for one that says nothing', () => {
    const check = () => {
      throw new Error('lost')
    }
    const [judged] = judge([{ name: 'x', says: 'x', needs: [], check }], new Set(), [])
    expect(judged).toMatchObject({ verdict: 'unknown', why: 'the checker failed: lost' })
  })
})

describe('judging by all checkers', () => {
  const read = (file: string) => parseHistory(readFileSync(new URL(file, FOLDER), 'utf8'))

  it('has a checker for each invariant that histories can show so far', () => {
    const invariants = new Set(ALL_CHECKERS.map(({ invariant }) => invariant))
    const due = [...Array(22).keys()].map((i) => `I${i + 1}`)
    due.push('I29', 'I30', 'I31', 'I32', 'I33', 'I34', ...[...Array(8).keys()].map((i) => `J${i + 1}`))
    expect([...invariants].filter((each) => each !== '').toSorted()).toEqual(due.toSorted())
    expect(new Set(ALL_CHECKERS.map(({ name }) => name)).size).toBe(ALL_CHECKERS.length)
  })

  it('leaves open what nothing was recorded of, and says what is missing', () => {
    expect(judgeAll([]).every(({ verdict }) => verdict === 'unknown')).toBe(true)
    const judged = judgeAll(read('ratchet.good.restart.jsonl'))
    expect(judged.find(({ name }) => name === 'ratchet')).toMatchObject({ invariant: 'I13', verdict: 'valid' })
    expect(judged.find(({ name }) => name === 'takeovers')).toMatchObject({
      verdict: 'unknown',
      why: 'nothing recorded of take.commit',
    })
    expect(judged.filter(({ verdict }) => verdict === 'valid').map(({ name }) => name)).toEqual(['ratchet'])
  })

  it('says nothing at all about a history from which any one record is missing', () => {
    const history = read('ratchet.good.restart.jsonl')
    // But for the tail of a life that was killed: that it is lost is known.
    const tail = history.findLastIndex(({ proc, pinc }) => proc === 'n2' && pinc === 1)
    for (const i of history.keys()) {
      if (i === tail) continue
      const judged = judgeAll(history.toSpliced(i, 1))
      const whys = new Set(judged.map(({ verdict, why }) => `${verdict}: ${why.split(':')[0]}`))
      expect([...whys], `without record ${i + 1}`).toEqual(['unknown: the recording is void'])
    }
  })

  it('takes the loss of a tail for known when its process was killed', () => {
    const history = read('ratchet.good.restart.jsonl')
    expect(checkRecording(history)).toMatchObject({ verdict: 'valid' })
    expect(checkRecording(history.filter(({ kind }) => kind !== 'fault.on'))).toMatchObject({
      verdict: 'unknown',
      why: expect.stringContaining('has no end, and nobody killed it'),
    })
  })
})
