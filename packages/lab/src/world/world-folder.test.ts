import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { loadTopology } from '@meridian/deploy'
import { tempDir } from '@meridian/testkit'
import { expect, test } from 'vitest'

import { deriveTopology } from './derive-topology.ts'
import { MARKER_FILE, prepareFolder, refuseForeignFolder } from './world-folder.ts'

const source = await loadTopology(fileURLToPath(new URL('../../../../regions/topology.yaml', import.meta.url)))
const three = deriveTopology(source, { regions: 3, etcdMembers: 1 })

test('a missing folder, an empty one, and one with nothing but a stale lock are ours to use', async () => {
  await using folder = await tempDir()
  await refuseForeignFolder(join(folder.path, 'not-there'))
  await refuseForeignFolder(folder.path)
  await writeFile(join(folder.path, 'lock'), 'x')
  await refuseForeignFolder(folder.path)
})

test("somebody's folder is refused and keeps everything", async () => {
  await using folder = await tempDir()
  await writeFile(join(folder.path, 'thesis.tex'), 'years of work')
  await expect(refuseForeignFolder(folder.path)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(await readdir(folder.path)).toEqual(['thesis.tex'])
})

test('a file where the folder should be is refused', async () => {
  await using folder = await tempDir()
  await writeFile(join(folder.path, 'file'), '')
  await expect(refuseForeignFolder(join(folder.path, 'file'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('fresh empties a world but for its lock, and does not follow links out of it', async () => {
  await using folder = await tempDir()
  await using outside = await tempDir()
  await writeFile(join(outside.path, 'keep'), 'kept')
  expect(await prepareFolder(folder.path, three, false)).toBe('new')
  await mkdir(join(folder.path, 'state', 'us-east'), { recursive: true })
  await writeFile(join(folder.path, 'state', 'us-east', 'data'), 'old')
  await symlink(outside.path, join(folder.path, 'state', 'way-out'))
  await symlink(outside.path, join(folder.path, 'another'))
  await writeFile(join(folder.path, 'lock'), 'held')

  expect(await prepareFolder(folder.path, three, false)).toBe('kept')
  expect(await readFile(join(folder.path, 'state', 'us-east', 'data'), 'utf8')).toBe('old')
  expect(await prepareFolder(folder.path, three, true)).toBe('new')
  expect((await readdir(folder.path)).toSorted()).toEqual(['lock', MARKER_FILE])
  expect(await readdir(outside.path)).toEqual(['keep'])
  expect((await stat(join(folder.path, MARKER_FILE))).mode & 0o777).toBe(0o600)
})

test.each([
  ['more regions', deriveTopology(source, { regions: 5, etcdMembers: 1 })],
  ['more members', deriveTopology(source, { regions: 3, etcdMembers: 3 })],
  ['other ports', deriveTopology(source, { regions: 3, etcdMembers: 1, basePort: 25_000 })],
])('data of a world with %s is refused unless fresh', async (_, other) => {
  await using folder = await tempDir()
  await prepareFolder(folder.path, other, false)
  await writeFile(join(folder.path, 'data'), 'old')
  await expect(prepareFolder(folder.path, three, false)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  expect(await readFile(join(folder.path, 'data'), 'utf8')).toBe('old')
  expect(await prepareFolder(folder.path, three, true)).toBe('new')
})

test('an unreadable marker is no reason to trust the data', async () => {
  await using folder = await tempDir()
  await writeFile(join(folder.path, MARKER_FILE), '{"version":1,')
  await expect(prepareFolder(folder.path, three, false)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  expect(await prepareFolder(folder.path, three, true)).toBe('new')
})
