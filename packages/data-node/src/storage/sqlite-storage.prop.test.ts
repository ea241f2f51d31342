import { cpSync, statSync } from 'node:fs'
import { tempDir } from '@meridian/testkit'
import { generation as generationOf, keyOfText, nodeEpoch, nodeId, rangeId, shardId, token } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REPLICA_BOUNDS } from '../replica/bounds.ts'
import { DurableImage } from '../replica/durable-image.ts'
import { LOG_START } from '../replica/lineage.ts'
import type { Quarantined } from '../replica/quarantine.ts'
import { openReplica } from '../replica/replica-state.ts'
import type { DurableShard, Effect, ReplicaEvent, ReplicaState } from '../replica/replica-state.ts'
import { step } from '../replica/step.ts'
import { SqliteStorage } from './sqlite-storage.ts'

const SHARDS = [shardId(rangeId(1), 0), shardId(rangeId(1), 1), shardId(rangeId(4_294_967_295), 65_535)] as const
const self = nodeId('n1')

const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')

/** Equal whatever the order in which a store hands its rows back. */
function plain(shard: DurableShard | undefined) {
  if (shard === undefined) return undefined
  const { checkpoint } = shard
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

/** Values as text, for the same reason. */
const kept = (rows: readonly Quarantined[]) =>
  rows.map((row) => ({
    ...row,
    entry: { ...row.entry, items: row.entry.items.map((item) => ({ ...item, value: hex(item.value) })) },
  }))

const writes = fc.array(
  fc.record({
    shard: fc.constantFrom(...SHARDS),
    kind: fc.constantFrom('append', 'append', 'append', 'replace', 'trim', 'trim', 'install', 'half install'),
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
    const seen = { trims: 0, truncations: 0, crashes: 0, installs: 0, halves: 0, quarantined: 0 }
    await fc.assert(
      fc.asyncProperty(writes, async (steps) => {
        let folder = `${dir.path}/${run++}`
        let storage = new SqliteStorage({ dataDir: folder, nodeId: self })
        const images = new Map(SHARDS.map((shard) => [shard, new DurableImage()]))
        // Real replicas with one member: they commit by themselves, so trimming and checkpoints come from the core.
        const bounds = { ...REPLICA_BOUNDS, logEntriesMax: 9, logEntriesKept: 1, installBytesMax: 60 }
        const states = new Map(SHARDS.map((shard) => [shard, openReplica(self, undefined, { bounds })]))
        let generation = 1
        let epoch = 0
        let id = 0
        /** Leads alone under a higher generation, and has other values. */
        let donor: ReplicaState | undefined
        let pieces = 0
        const feed = async (shard: (typeof SHARDS)[number], event: ReplicaEvent): Promise<void> => {
          const state = states.get(shard)
          const image = images.get(shard)
          if (state === undefined || image === undefined) throw new Error('no such shard')
          const queue: Effect[] = step(state, event, 0)
          for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
            if (effect.kind === 'persist') {
              if (effect.write.truncateFrom !== undefined) seen.truncations += 1
              if (effect.write.install !== undefined) seen.installs += 1
              seen.quarantined += effect.write.quarantine.length
              image.write(effect.write)
              await storage.write(shard, effect.write)
              queue.push(...step(state, { kind: 'persisted', ticket: effect.ticket }, 0))
            } else if (effect.kind === 'stage') {
              image.stage(effect.id, effect.piece)
              await storage.stage(shard, effect.id, effect.piece)
            } else if (effect.kind === 'send' && effect.request.kind === 'state' && donor !== undefined && pieces > 0) {
              pieces -= 1
              const { request } = effect
              const answers = step(donor, { kind: 'request', id: ++id, from: self, request }, 0)
              const response = answers.flatMap((answer) => (answer.kind === 'reply' ? [answer.response] : []))[0]
              if (response !== undefined)
                queue.push(...step(state, { kind: 'response', from: nodeId('n9'), request, response }, 0))
            } else if (effect.kind === 'trim') {
              seen.trims += 1
              const delta = state.shard.takeDirty()
              image.checkpoint(delta, effect.base)
              await storage.checkpoint(shard, delta, effect.base)
            }
          }
        }
        const installFromDonor = async (shard: (typeof SHARDS)[number], at: number, half: boolean): Promise<void> => {
          generation += 1
          epoch = 1
          donor = openReplica(nodeId('n9'), undefined, { bounds })
          const lead = { token: token(generation, epoch), members: { replicas: [nodeId('n9')], prior: undefined } }
          const drive = (event: ReplicaEvent): void => {
            if (donor === undefined) return
            for (const effect of step(donor, event, 0))
              if (effect.kind === 'persist') drive({ kind: 'persisted', ticket: effect.ticket })
          }
          drive({ kind: 'assign', leads: true, ...lead, learners: [], freeze: undefined })
          for (let sequence = 0; sequence < 4; sequence++) {
            const items = [{ sequence: BigInt(sequence), key: keyOfText(`d${sequence}`), value: Buffer.alloc(20, at) }]
            drive({ kind: 'write', id: ++id, session: `d${at}`, items })
          }
          const entries = donor.log.above(0)
          pieces = half ? 1 : Number.POSITIVE_INFINITY
          // Against a log without commitments the entries alone do; else the state is fetched.
          const request = { token: lead.token, previous: LOG_START, entries, commitIndex: 5, install: false }
          await feed(shard, { kind: 'request', id: ++id, from: nodeId('n9'), request: { kind: 'append', ...request } })
          if (half && states.get(shard)?.incoming !== undefined) seen.halves += 1
        }
        for (const [at, write] of steps.entries()) {
          const { shard } = write
          if (write.kind === 'replace') {
            // A leader of a higher token that holds nothing uncommitted of ours: the core truncates where it may.
            const state = states.get(shard)
            const last = state?.log.last ?? { index: 0, token: token(0, 0) }
            const entry = {
              index: last.index + 1,
              token: token(generation, epoch + 1),
              session: 'x',
              items: [{ sequence: BigInt(at), key: keyOfText(write.key), value: write.value }],
            }
            epoch += 2
            await feed(shard, {
              kind: 'request',
              id: ++id,
              from: nodeId('n2'),
              request: {
                kind: 'append',
                token: entry.token,
                previous: last,
                entries: [entry],
                commitIndex: 0,
                install: false,
              },
            })
            const other = { ...entry, token: token(generation, epoch), items: [] }
            await feed(shard, {
              kind: 'request',
              id: ++id,
              from: nodeId('n3'),
              request: {
                kind: 'append',
                token: other.token,
                previous: last,
                entries: [other],
                commitIndex: 0,
                install: false,
              },
            })
          } else if (write.kind === 'install' || write.kind === 'half install') {
            await installFromDonor(shard, at, write.kind === 'half install')
          } else {
            epoch += 1
            await feed(shard, {
              kind: 'assign',
              token: token(generation, epoch),
              leads: true,
              members: { replicas: [self], prior: undefined },
              learners: [],
              freeze: undefined,
            })
            await feed(shard, {
              kind: 'write',
              id: ++id,
              session: `s${at % 3}`,
              items: [{ sequence: BigInt(at), key: keyOfText(write.key), value: write.value }],
            })
            if (write.kind === 'trim') await feed(shard, { kind: 'tick' })
          }
          if (write.crash || write.kind === 'half install') {
            seen.crashes += 1
            // What a crash leaves is what the files hold at this moment; the old storage is not asked to tidy up.
            const copy = `${dir.path}/${run++}`
            cpSync(folder, copy, { recursive: true })
            await storage[Symbol.asyncDispose]()
            folder = copy
            storage = new SqliteStorage({ dataDir: folder, nodeId: self })
            for (const each of SHARDS) {
              const loaded = storage.load(each)
              images.get(each)?.restarted()
              expect(kept(storage.quarantine(each, undefined, 1_000))).toEqual(kept(images.get(each)?.quarantine ?? []))
              expect(storage.quarantined(each)).toBe(images.get(each)?.quarantine.length)
              const image = images.get(each)?.shard
              if (loaded !== undefined || image?.entries.length !== 0) expect(plain(loaded)).toEqual(plain(image))
              if (loaded !== undefined) states.set(each, openReplica(self, loaded, { bounds }))
            }
          }
        }
        await storage[Symbol.asyncDispose]()
      }),
      { numRuns: 10 },
    )
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
  }, 90_000)

  it('hands out a quarantine in pages, and keeps it until it is dropped', async () => {
    await using dir = await tempDir()
    await using storage = new SqliteStorage({ dataDir: dir.path, nodeId: self })
    const [shard, other] = SHARDS
    const lost = (index: number, epoch: number, committed = false): Quarantined => ({
      entry: { index, token: token(1, epoch), session: 's', items: [] },
      committed,
      supersededBy: generationOf(2),
      remains: false,
    })
    const write = { promised: token(2, 1), commitIndex: 0, install: undefined, truncateFrom: undefined, append: [] }
    await storage.write(shard, { ...write, quarantine: [lost(7, 2), lost(7, 1), lost(9, 2)] })
    await storage.write(other, { ...write, quarantine: [lost(1, 1)] })
    // The same entry again, by now known to have been committed.
    await storage.write(shard, { ...write, quarantine: [lost(7, 2, true)] })
    const page = storage.quarantine(shard, undefined, 2)
    expect(page).toEqual([lost(7, 1), lost(7, 2, true)])
    expect(storage.quarantine(shard, page.at(-1)?.entry, 2)).toEqual([lost(9, 2)])
    await storage.dropQuarantine(shard)
    expect([storage.quarantined(shard), storage.quarantined(other)]).toEqual([0, 1])
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
