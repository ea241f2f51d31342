import { MemoryCluster } from '@meridian/store/memory'
import { journalKey, operationId, operationKey, regionId } from '@meridian/topology'
import { expect, it } from 'vitest'
import { encodeJournal, takeoverKey, takeoverOperation } from './journal.ts'
import type { TakeoverPhase } from './journal.ts'
import { OPERATION_KEPT_MS, sweepOperations } from './operation-janitor.ts'
import { encodeOperation } from './operation-record.ts'
import { openGlobalServer } from './world.ts'

it('sweeps what ended an hour ago, and nothing that goes on', async () => {
  await using s = await openGlobalServer(new MemoryCluster(), 'a')
  const nowMs = 1_800_000_000_000
  const takeover = (term: bigint, phase: TakeoverPhase, agoMs: number) => {
    const region = regionId('us-east')
    const operation = takeoverOperation(region, term)
    const updatedWallMs = nowMs - agoMs
    const facts = { region, term, operation, phase, updatedWallMs, authority: '', elect: 0n as never, counter: 1n }
    const rest = { waitedMs: 0, forced: false, observedWallMs: 0, ranges: 0, left: 0, note: '' }
    const value = encodeJournal({ kind: 'takeover', ...facts, ...rest })
    return { kind: 'put', key: takeoverKey(region, term), value } as const
  }
  const outcome = (id: string, agoMs: number) => {
    const value = encodeOperation({ fingerprint: 'f', wallMs: nowMs - agoMs, ranges: [] })
    return { kind: 'put', key: operationKey(operationId(id)), value } as const
  }
  const old = OPERATION_KEPT_MS + 1
  const operations = [
    takeover(1n, 'done', old),
    takeover(2n, 'done', 1000),
    takeover(3n, 'taking', old),
    takeover(4n, 'braked', old),
    outcome('old', old),
    outcome('new', 1000),
  ]
  await s.store.txn({ guards: [], operations }, s.signal)
  expect(await sweepOperations(s.store, nowMs, s.signal)).toBe(2)
  const keys = async (prefix: string) => (await s.store.list(prefix)).records.map(({ key }) => key)
  const kept = [2n, 3n, 4n].map((term) => takeoverKey(regionId('us-east'), term))
  expect(await keys(journalKey('' as never))).toEqual(kept)
  expect(await keys('/op/')).toEqual(['/op/new'])
})
