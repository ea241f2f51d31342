import { cpSync, statSync } from 'node:fs'
import { tempDir } from '@meridian/testkit'
import { keyOfText, nodeEpoch, nodeId, rangeId, shardId, token } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REPLICA_BOUNDS } from '../replica/bounds.ts'
import { DurableImage } from '../replica/durable-image.ts'
import { openReplica } from '../replica/replica-state.ts'
import type { DurableShard, Effect, ReplicaEvent } from '../replica/replica-state.ts'
import { step } from '../replica/step.ts'
import { SqliteStorage } from './sqlite-storage.ts'

const SHARDS = [shardId(rangeId(1), 0), shardId(rangeId(1), 1), shardId(rangeId(4_294_967_295), 65_535)] as const
const self = nodeId('n1')

/** Equal whatever the order in which a store hands its rows back. */
function plain(shard: DurableShard | undefined) {
  if (shard === undefined) return undefined
  const { checkpoint } = shard
  const hex = (bytes: Uint8Array | undefined): string | undefined =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')
  return {
    ...shard,
    entries: shard.entries.map((entry) => ({
      ...entry,
      items: entry.items.map((item) => ({ ...item, value: hex(item.value) })),
    })),
    checkpoint: {
      ...checkpoint,
      values: checkpoint.values
        .map(([key, stored]) => ({ key, index: stored?.index, value: hex(stored?.value) }))
        .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      sessions: checkpoint.sessions.toSorted((a, b) => (a.session < b.session ? -1 : 1)),
    },
  }
}

const writes = fc.array(
  fc.record({
    shard: fc.constantFrom(...SHARDS),
    kind: fc.constantFrom('append', 'append', 'replace', 'trim', 'trim'),
    key: fc.constantFrom('', 'a', 'b\u00ff', 'c'),
    value: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
    crash: fc.integer({ min: 0, max: 9 }).map((die) => die === 0),
  }),
  { minLength: 20, maxLength: 60 },
)

describe('the store of a node', () => {
  it('holds after a crash at any commit what an image in memory holds', async () => {
    await using dir = await tempDir()
    let run = 0
    const seen = { trims: 0, truncations: 0, crashes: 0 }
    await fc.assert(
      fc.asyncProperty(writes, async (steps) => {
        let folder = `${dir.path}/${run++}`
        let storage = new SqliteStorage({ dataDir: folder, nodeId: self })
        const images = new Map(SHARDS.map((shard) => [shard, new DurableImage()]))
        // Real replicas with one member: they commit by themselves, so trimming and checkpoints come from the core.
        const bounds = { ...REPLICA_BOUNDS, logEntriesMax: 9, logEntriesKept: 1 }
        const states = new Map(SHARDS.map((shard) => [shard, openReplica(self, undefined, { bounds })]))
        let epoch = 0
        let id = 0
        const feed = async (shard: (typeof SHARDS)[number], event: ReplicaEvent): Promise<void> => {
          const state = states.get(shard)
          const image = images.get(shard)
          if (state === undefined || image === undefined) throw new Error('no such shard')
          const queue: Effect[] = step(state, event, 0)
          for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
            if (effect.kind === 'persist') {
              if (effect.write.truncateFrom !== undefined) seen.truncations += 1
              image.write(effect.write)
              await storage.write(shard, effect.write)
              queue.push(...step(state, { kind: 'persisted', ticket: effect.ticket }, 0))
            } else if (effect.kind === 'trim') {
              seen.trims += 1
              const delta = state.shard.takeDirty()
              image.checkpoint(delta, effect.through)
              await storage.checkpoint(shard, delta, effect.through)
            }
          }
        }
        for (const [at, write] of steps.entries()) {
          const { shard } = write
          if (write.kind === 'replace') {
            // A leader of a higher token that holds nothing uncommitted of ours: the core truncates where it may.
            const state = states.get(shard)
            const last = state?.log.last ?? { index: 0, token: token(0, 0) }
            const entry = {
              index: last.index + 1,
              token: token(1, epoch + 1),
              session: 'x',
              items: [{ sequence: BigInt(at), key: keyOfText(write.key), value: write.value }],
            }
            epoch += 2
            await feed(shard, {
              kind: 'request',
              id: ++id,
              from: 'n2',
              request: { kind: 'append', token: entry.token, previous: last, entries: [entry], commitIndex: 0 },
            })
            const other = { ...entry, token: token(1, epoch), items: [] }
            await feed(shard, {
              kind: 'request',
              id: ++id,
              from: 'n3',
              request: { kind: 'append', token: other.token, previous: last, entries: [other], commitIndex: 0 },
            })
          } else {
            epoch += 1
            await feed(shard, { kind: 'assign', token: token(1, epoch), leads: true, replicas: [self] })
            await feed(shard, {
              kind: 'write',
              id: ++id,
              session: `s${at % 3}`,
              items: [{ sequence: BigInt(at), key: keyOfText(write.key), value: write.value }],
            })
            if (write.kind === 'trim') await feed(shard, { kind: 'tick' })
          }
          if (write.crash) {
            seen.crashes += 1
            // What a crash leaves is what the files hold at this moment; the old storage is not asked to tidy up.
            const copy = `${dir.path}/${run++}`
            cpSync(folder, copy, { recursive: true })
            await storage[Symbol.asyncDispose]()
            folder = copy
            storage = new SqliteStorage({ dataDir: folder, nodeId: self })
            for (const each of SHARDS) {
              const loaded = storage.load(each)
              const image = images.get(each)?.shard
              if (loaded !== undefined || image?.entries.length !== 0) expect(plain(loaded)).toEqual(plain(image))
              if (loaded !== undefined) states.set(each, openReplica(self, loaded, { bounds }))
            }
          }
        }
        await storage[Symbol.asyncDispose]()
      }),
      { numRuns: 15 },
    )
    expect(Math.min(seen.trims, seen.truncations, seen.crashes)).toBeGreaterThan(0)
  })

  it('keeps who the node is, private, in one node at a time', async () => {
    await using dir = await tempDir()
    const folder = `${dir.path}/data`
    const first = new SqliteStorage({ dataDir: folder, nodeId: self })
    expect(first.identity).toEqual({ nodeEpoch: 0n, attempt: '' })
    await first.storeIdentity({ nodeEpoch: nodeEpoch(5), attempt: 'x' })
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(() => new SqliteStorage({ dataDir: folder, nodeId: self })).toThrow(
      expect.objectContaining({ code: 'WORLD_IN_USE' }),
    )
    await first[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    expect(() => new SqliteStorage({ dataDir: folder, nodeId: nodeId('n2') })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
    await using second = new SqliteStorage({ dataDir: folder, nodeId: self })
    expect(second.identity).toEqual({ nodeEpoch: 5n, attempt: 'x' })
  })
})
