import { expect, test } from 'vitest'
import { logRing } from './log-ring.ts'

test('the newest chunks stay, within the bound', () => {
  const ring = logRing(8)
  ring.append('abc')
  ring.append(Buffer.from('def'))
  expect(ring.text()).toBe('abcdef')
  ring.append('ghi')
  expect(ring.text()).toBe('defghi')
  ring.append('0123456789')
  expect(ring.text()).toBe('23456789')
})
