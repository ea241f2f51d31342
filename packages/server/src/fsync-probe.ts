import { open } from 'node:fs/promises'
import { constants } from 'node:fs'

/** About what etcd's log appends for a small entry. */
const WRITE_BYTES = 2304

/**
 * One write and its fdatasync on the disk that holds `file`, ms. In place, as etcd writes its log into space that it
 * allocated before, so nothing grows and the file system's own journal has no part in it.
 */
export async function fsyncProbe(file: string, nowMs: () => number): Promise<number> {
  await using handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o600)
  const block = Buffer.alloc(WRITE_BYTES, '.')
  if ((await handle.stat()).size < WRITE_BYTES) {
    // Allocates, and pays for it before the clock runs.
    await handle.write(block, 0, WRITE_BYTES, 0)
    await handle.sync()
  }
  const begunMs = nowMs()
  await handle.write(block, 0, WRITE_BYTES, 0)
  await handle.datasync()
  return nowMs() - begunMs
}
