import { expect, test } from 'vitest'
import { waitFor } from './wait-for.ts'

test('the first answer ends the wait; zero and the empty string are answers', async () => {
  let probes = 0
  expect(await waitFor('third', () => (++probes < 3 ? undefined : { probes }), { everyMs: 1 })).toEqual({ probes: 3 })
  expect(await waitFor('zero', () => 0)).toBe(0)
  expect(await waitFor('empty', async () => '')).toBe('')
})

test('a probe may throw on the way', async () => {
  let probes = 0
  const probe = (): boolean => {
    if (++probes < 3) throw new Error('refused')
    return true
  }
  expect(await waitFor('up', probe, { everyMs: 1 })).toBe(true)
})

test('a failed wait says what, the last error and the diagnosis', async () => {
  const probe = (): boolean => {
    throw new TypeError('refused')
  }
  const wait = waitFor('the leader', probe, { timeoutMs: 20, everyMs: 5, diagnose: () => 'no votes' })
  await expect(wait).rejects.toThrow(/the leader: timed out after \d+ ms .*last: TypeError: refused\nno votes/)
  await expect(wait).rejects.toHaveProperty('cause', new TypeError('refused'))
})

test('a probe or a diagnosis that goes wrong does not unbound the wait', async () => {
  const hung = waitFor('an answer', () => new Promise<true>(() => {}), { timeoutMs: 20 })
  await expect(hung).rejects.toThrow('never settled')
  const bad = waitFor('x', () => false, {
    timeoutMs: 10,
    everyMs: 1,
    diagnose: () => Promise.reject(new Error('oh')),
  })
  await expect(bad).rejects.toThrow(/last: false\n\(the diagnosis threw: Error: oh\)/)
})

test('giving up ends the wait before its time', async () => {
  await expect(waitFor('x', () => false, { giveUp: () => 'process gone' })).rejects.toThrow('gave up (process gone)')
})
