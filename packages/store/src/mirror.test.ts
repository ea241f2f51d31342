import { silentLogger, systemClock } from '@meridian/loop'
import type { Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { MemoryCluster, MemoryStore } from './memory/index.ts'
import { Mirror } from './mirror.ts'
import type { MirrorEvent } from './mirror.ts'

const signal = () => AbortSignal.timeout(10_000)

async function world() {
  const cluster = new MemoryCluster()
  const writer = new MemoryStore(cluster)
  const reader = new MemoryStore(cluster)
  const write = async (changes: Record<string, string | undefined>): Promise<Revision> => {
    const { revision } = await writer.txn({
      guards: [],
      operations: Object.entries(changes).map(([key, value]) =>
        value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value: Buffer.from(value) },
      ),
    })
    return revision
  }
  const open = () =>
    Mirror.open(reader, { prefixes: ['/a/', '/b/'], clock: systemClock, log: silentLogger, random: () => 0 }, signal())
  return { cluster, reader, write, open }
}

const texts = (mirror: Mirror) =>
  Object.fromEntries(
    ['/a/', '/b/'].flatMap((prefix) =>
      [...mirror.list(prefix)].map(({ key, value }) => [key, Buffer.from(value).toString()]),
    ),
  )

const told = ({ changes, relisted }: MirrorEvent) =>
  `${relisted ? 'relisted ' : ''}${changes.map(({ key, value }) => `${key}=${value === undefined ? '-' : Buffer.from(value).toString()}`).join(' ')}`

describe('Mirror', () => {
  it('lists, then follows, revision by revision, and only its prefixes', async () => {
    const { write, open } = await world()
    await write({ '/a/1': 'x', '/c/1': 'elsewhere' })
    await using mirror = await open()
    const events: string[] = []
    mirror.subscribe((event) => event.changes.length > 0 && events.push(told(event)))
    await write({ '/a/1': 'y', '/b/1': 'z' })
    await write({ '/c/1': 'still elsewhere' })
    const last = await write({ '/a/1': undefined })
    await mirror.waitFor(last, signal())
    expect(texts(mirror)).toEqual({ '/b/1': 'z' })
    expect(events).toEqual(['/a/1=y /b/1=z', '/a/1=-'])
    expect(mirror.revision).toBe(last)
  })

  it('keeps the revisions that guards compare, also over a record that was deleted and made again', async () => {
    const { write, open } = await world()
    const created = await write({ '/a/1': 'x' })
    await using mirror = await open()
    const changed = await write({ '/a/1': 'y' })
    await mirror.waitFor(changed, signal())
    expect(mirror.get('/a/1')).toMatchObject({ createRevision: created, modRevision: changed })
    await write({ '/a/1': undefined })
    const again = await write({ '/a/1': 'z' })
    await mirror.waitFor(again, signal())
    expect(mirror.get('/a/1')).toMatchObject({ createRevision: again, modRevision: again })
  })

  it('tells the difference to a new listing when history was compacted away', async () => {
    const { cluster, reader, write, open } = await world()
    await write({ '/a/1': 'x', '/a/2': 'x', '/a/3': 'x' })
    await using mirror = await open()
    const events: string[] = []
    mirror.subscribe((event) => event.changes.length > 0 && events.push(told(event)))
    reader.faults.isolate('unavailable')
    await write({ '/a/1': undefined })
    await write({ '/a/2': 'y' })
    const last = await write({ '/b/4': 'new' })
    cluster.compact(last)
    reader.faults.heal()
    await mirror.waitFor(last, signal())
    expect(texts(mirror)).toEqual({ '/a/2': 'y', '/a/3': 'x', '/b/4': 'new' })
    expect(events).toEqual(['relisted /a/1=- /a/2=y /b/4=new'])
  })

  it('gives up waiting when told to, and when it is closed', async () => {
    const { open } = await world()
    const mirror = await open()
    const never = (mirror.revision + 100n) as Revision
    await expect(mirror.waitFor(never, AbortSignal.abort())).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const waiting = mirror.waitFor(never, signal())
    const closed = mirror[Symbol.asyncDispose]()
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await closed
  })
})
