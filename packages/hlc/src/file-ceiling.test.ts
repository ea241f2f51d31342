import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SLOT_BYTES, SLOTS } from './ceiling-slots.ts'
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

test.each([0, 1, 1_790_000_000_000, WALL_MS_MAX])('%d is found again, however it was saved', async (ceilingMs) => {
  fileCeiling(path).save(ceilingMs)
  expect(fileCeiling(path).load()).toBe(ceilingMs)
  expect(statSync(`${path}.now`)).toMatchObject({ size: SLOTS * SLOT_BYTES, mode: 0o100600 })
  expect(existsSync(`${path}.now.tmp`)).toBe(false)

  const other = join(folder, 'other')
  await fileCeiling(other).saveAhead(ceilingMs)
  expect(fileCeiling(other).load()).toBe(ceilingMs)
})

test('of what was saved at once and in the background the greater is found, over many saves and restarts', async () => {
  let store = fileCeiling(path)
  for (let savedMs = 1000; savedMs < 1030; savedMs += 1) {
    if (savedMs % 3 === 0) await store.saveAhead(savedMs)
    else store.save(savedMs)
    expect(fileCeiling(path).load()).toBe(savedMs)
    if (savedMs % 7 === 0) {
      store = fileCeiling(path)
      store.load()
    }
  }
  expect(readFileSync(`${path}.now`, 'latin1')).toMatch(/^hlc-ceiling 000000000001028 [0-9a-f]{8}\n/m)
  expect(readFileSync(`${path}.ahead`, 'latin1')).toMatch(/^hlc-ceiling 000000000001029 [0-9a-f]{8}\n/m)
})

test('a save in the background that ends late does not undo one that came in between', async () => {
  const store = fileCeiling(path)
  await store.saveAhead(1000)
  const late = store.saveAhead(1100)
  store.save(1200)
  await late
  expect(fileCeiling(path).load()).toBe(1200)
})

test('what a crash left behind before the rename does not count and does not disturb', () => {
  writeFileSync(`${path}.now.tmp`, 'hlc-ceiling 99999999\n and more than will be written')
  expect(fileCeiling(path).load()).toBe(0)
  fileCeiling(path).save(2000)
  expect(fileCeiling(path).load()).toBe(2000)
})

test('what a crash left of the slot that was being written does not count', () => {
  const store = fileCeiling(path)
  store.save(1000)
  store.save(2000)
  const content = readFileSync(`${path}.now`)
  content.fill(0, content.indexOf('2000'), content.indexOf('2000') + 4)
  writeFileSync(`${path}.now`, content)
  const restarted = fileCeiling(path)
  expect(restarted.load()).toBe(1000)
  restarted.save(3000)
  expect(fileCeiling(path).load()).toBe(3000)
})

test.each([
  { what: 'empty', which: 'now', content: '' },
  { what: 'too short', which: 'now', content: 'hlc-ceiling 12\n' },
  { what: 'of other content', which: 'ahead', content: 'x'.repeat(SLOTS * SLOT_BYTES) },
  { what: 'without a whole slot', which: 'ahead', content: 'hlc-ceiling 1'.padEnd(SLOTS * SLOT_BYTES) },
])('a file that is $what is damaged, and no first start', ({ which, content }) => {
  fileCeiling(path).save(1)
  writeFileSync(`${path}.${which}`, content)
  expect(() => fileCeiling(path).load()).toThrow(CeilingError)
})

test('a file that cannot be read or written is an error', async () => {
  mkdirSync(`${path}.now`)
  expect(() => fileCeiling(path).load()).toThrow(CeilingError)
  expect(() => fileCeiling(path).save(1)).toThrow(CeilingError)
  const absent = fileCeiling(join(folder, 'absent', 'ceiling'))
  expect(() => absent.save(1)).toThrow(CeilingError)
  await expect(absent.saveAhead(1)).rejects.toThrow(CeilingError)
  const gone = fileCeiling(join(folder, 'gone'))
  await gone.saveAhead(1)
  rmSync(join(folder, 'gone.ahead'))
  await expect(gone.saveAhead(2)).rejects.toThrow(CeilingError)
})

test('I30: stamps rise over a restart from the files, with the wall clock set back', async () => {
  const physical = new ManualClock(1_790_000_000_000)
  const options = { origin: 'own', physical, sleep: async (ms: number) => physical.advance(ms) }
  const clock = await HybridClock.open({ ...options, ceiling: fileCeiling(path) })
  await clock.raiseCeiling()
  physical.advance(300)
  const before = clock.now()
  expect(existsSync(`${path}.now`)).toBe(false)
  physical.advance(-250)
  const after = (await HybridClock.open({ ...options, ceiling: fileCeiling(path) })).now()
  expect(compareTimestamps(after, before)).toBeGreaterThan(0)
})
