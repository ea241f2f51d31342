import { open, rm } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '@meridian/loop'
import { distributionOf } from '../distribution.ts'
import type { MachineFacts } from '../report/report-input.ts'

const WRITES = 200
/** About what etcd's log appends for a small entry. */
const WRITE_BYTES = 2304

/** @param folder on the disk that the clusters write to */
export async function machineFacts(folder: string, etcd: string, clock: Clock): Promise<MachineFacts> {
  const processors = cpus()
  const fsyncMs = distributionOf(await fsyncProbeMs(join(folder, 'fsync-probe'), clock))
  return {
    cpu: processors[0]?.model.trim() || 'unknown',
    cores: processors.length,
    memoryGb: Math.round((10 * totalmem()) / 2 ** 30) / 10,
    kernel: `${type()} ${release()}`,
    node: process.version,
    etcd,
    fsyncP50Ms: Math.round(1000 * fsyncMs.p50) / 1000,
    fsyncP99Ms: Math.round(1000 * fsyncMs.p99) / 1000,
  }
}

/** An append and its fdatasync, again and again; the first does not count. */
async function fsyncProbeMs(file: string, clock: Clock): Promise<readonly number[]> {
  const block = Buffer.alloc(WRITE_BYTES, '.')
  const tookMs: number[] = []
  try {
    await using handle = await open(file, 'w', 0o600)
    for (let i = 0; i <= WRITES; i += 1) {
      const begunMs = clock.nowMs()
      await handle.write(block)
      await handle.datasync()
      if (i > 0) tookMs.push(clock.nowMs() - begunMs)
    }
  } finally {
    await rm(file, { force: true })
  }
  return tookMs
}
