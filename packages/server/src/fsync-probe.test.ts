import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@meridian/loop'
import { expect, it, onTestFinished } from 'vitest'
import { fsyncProbe } from './fsync-probe.ts'

it('measures a disk without filling it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fsync-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'probe')
  for (let i = 0; i < 3; i += 1) expect(await fsyncProbe(file, () => systemClock.nowMs())).toBeGreaterThan(0)
  expect(await stat(file)).toMatchObject({ size: 2304, mode: 0o100600 })
})
