import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { tempDir } from '@meridian/testkit'
import { expect, test } from 'vitest'

import { WORLD_FILE, writeWorldFile } from './world-file.ts'
import type { WorldRegion } from './world.ts'

const region: WorldRegion = {
  id: 'us-east',
  displayName: 'US East',
  coordinates: { latitude: 39, longitude: -77 },
  servers: ['us-east.wan.test:24020'],
  nats: ['nats://127.0.0.1:24002'],
  hosts: { 'us-east.wan.test': '127.0.0.1' },
  proxy: '127.0.0.1:26010',
  nodes: [
    { id: 'us-east-n1', zone: 'us-east-a', address: 'us-east.wan.test:24040', processName: 'us-east/us-east-n1' },
  ],
  globalEtcd: undefined,
  regionEtcd: [],
}

test('world.json has what clients dial and no more, is private, and is gone with the world', async () => {
  await using folder = await tempDir()
  const path = join(folder.path, WORLD_FILE)
  {
    await using _ = await writeWorldFile(folder.path, [region])
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      version: 1,
      pid: process.pid,
      regions: [
        {
          id: 'us-east',
          displayName: 'US East',
          servers: ['us-east.wan.test:24020'],
          nats: ['nats://127.0.0.1:24002'],
          hosts: { 'us-east.wan.test': '127.0.0.1' },
          proxy: '127.0.0.1:26010',
          nodes: [{ id: 'us-east-n1', zone: 'us-east-a', address: 'us-east.wan.test:24040' }],
        },
      ],
    })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  }
  expect(await readdir(folder.path)).toEqual([])
})
