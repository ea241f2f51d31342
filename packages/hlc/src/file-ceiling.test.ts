import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CeilingError } from './errors.ts'
import { fileCeiling } from './file-ceiling.ts'
import { HybridClock } from './hybrid-clock.ts'
import { WALL_MS_MAX, compareTimestamps } from './timestamp.ts'
import { ManualClock } from './testing.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hlc-ceiling-'))
  path = join(folder, 'ceiling')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a first start finds 0', () => {
  expect(fileCeiling(path).load()).toBe(0)
})

test.each([0, 1, 1_790_000_000_000, WALL_MS_MAX])('%d is found again', (ceilingMs) => {
  fileCeiling(path).save(7)
  fileCeiling(path).save(ceilingMs)
  expect(fileCeiling(path).load()).toBe(ceilingMs)
  expect(readFileSync(path, 'utf8')).toBe(`hlc-ceiling ${ceilingMs}\n`)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(existsSync(`${path}.tmp`)).toBe(false)
})

test('what a crash left behind before the rename does not count and does not disturb', () => {
  fileCeiling(path).save(1000)
  writeFileSync(`${path}.tmp`, 'hlc-ceiling 99999999\n and more than will be written')
  expect(fileCeiling(path).load()).toBe(1000)
  fileCeiling(path).save(2000)
  expect(fileCeiling(path).load()).toBe(2000)
})

test.each(['', 'hlc-ceiling', 'hlc-ceiling 12', 'hlc-ceiling -5\n', 'hlc-ceiling 281474976710656\n', '12\n'])(
  'a damaged file is an error and not a first start: %j',
  (content) => {
    writeFileSync(path, content)
    expect(() => fileCeiling(path).load()).toThrow(CeilingError)
  },
)

test('a file that cannot be read or written is an error', () => {
  mkdirSync(path)
  expect(() => fileCeiling(path).load()).toThrow(CeilingError)
  expect(() => fileCeiling(path).save(1)).toThrow(CeilingError)
  expect(() => fileCeiling(join(folder, 'absent', 'ceiling')).save(1)).toThrow(CeilingError)
})

test('I30: stamps rise over a restart from the file, with the wall clock set back', async () => {
  const physical = new ManualClock(1_790_000_000_000)
  const options = { origin: 'own', physical, sleep: async (ms: number) => physical.advance(ms) }
  const before = (await HybridClock.open({ ...options, ceiling: fileCeiling(path) })).now()
  physical.advance(-250)
  const after = (await HybridClock.open({ ...options, ceiling: fileCeiling(path) })).now()
  expect(compareTimestamps(after, before)).toBeGreaterThan(0)
})
