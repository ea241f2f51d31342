import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseHistory } from '../history/history-text.ts'
import { claimsOn, judge } from './claims.ts'
import { STORE_CLAIMS } from './store-claims.ts'

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

describe('sample histories', () => {
  it.each(samples)('$claim: $kind, $what', ({ file, claim, kind }) => {
    const found = claims.find(({ name }) => name === claim)
    const verdict = found?.check(parseHistory(readFileSync(new URL(file, FOLDER), 'utf8')))
    expect(verdict, verdict?.why).toMatchObject({ verdict: VERDICT_OF[kind] })
    expect(verdict?.why).not.toBe('')
  })

  it.each(claims)('of the claim $name show that it can hold, be broken and be left open', ({ name }) => {
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
      ...STORE_CLAIMS.map(({ name }) => name),
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
