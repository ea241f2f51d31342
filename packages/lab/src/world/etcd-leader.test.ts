import { expect, test } from 'vitest'

import { leaderAmong } from './etcd-leader.ts'

/** `a>b`: a member named and numbered a that follows b; `0` is nobody. */
const found = (text: string) =>
  text
    .split(' ')
    .filter((view) => view !== '')
    .map((view) => ({ name: view[0] ?? '', clientUrl: '', memberId: view[0] ?? '', leaderId: view[2] ?? '' }))

test.each([
  ['a>a b>a c>a', 3, 'a'],
  ['b>a a>a', 3, 'a'],
  ['a>a b>b c>b', 3, 'b'],
  ['a>a', 1, 'a'],
  ['a>a b>a c>a d>d e>d', 5, 'a'],
])('%s of %d: %s leads', (text, count, leader) => {
  expect(leaderAmong(found(text), count).name).toBe(leader)
})

test.each([
  ['', 3, '0 of 3 members answer'],
  ['a>a', 3, 'a follows a'],
  ['a>0 b>0 c>0', 3, 'b follows nobody'],
  ['b>a c>a', 3, '2 of 3 members answer'],
  ['a>a b>a c>c d>c', 5, 'd follows c'],
])('%j of %d: nobody leads for certain', (text, count, message) => {
  expect(() => leaderAmong(found(text), count)).toThrow(
    expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringContaining(message) }),
  )
})
