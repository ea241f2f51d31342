import type { QuarantinedEntry } from '@meridian/protocol'
import { nodeId, parseShardId, regionId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { plain } from './paint.ts'
import { keptJson, keptLines, mergeKept, quarantineJson, quarantineLines } from './quarantine.ts'

const layout = { width: 80, paint: plain }
const [N1, N2] = [nodeId('us-n1'), nodeId('us-n2')]
const US = regionId('us')
const shard = parseShardId('12.0')

interface Kept {
  readonly epoch?: bigint
  readonly items?: readonly { readonly key: string; readonly value: string | undefined }[]
  readonly committed?: boolean
  readonly remains?: boolean
}

function kept(
  index: bigint,
  { epoch = 1n, items = [], committed = false, remains = false }: Kept = {},
): QuarantinedEntry {
  return {
    entry: {
      index,
      token: { generation: 4n, epoch },
      session: items.length === 0 ? '' : 'client-1',
      items: items.map(({ key, value }, at) => ({
        sequence: BigInt(at),
        key: Buffer.from(key),
        value: value === undefined ? undefined : Buffer.from(value),
      })),
    },
    committed,
    supersededBy: 5n,
    remains,
  }
}

describe('a quarantine', () => {
  it('is told by node and shard, with who did not tell', () => {
    const shards = [{ region: US, node: N1, shardId: '12.0', entries: 7n }]
    const silent = [{ region: US, node: N2, error: 'UNAVAILABLE: nobody there' }]
    expect(quarantineLines(shards, silent, layout)).toEqual([
      'region  node   shard  entries',
      'us      us-n1  12.0         7',
      'us-n2 of us did not tell',
    ])
    expect(quarantineLines([], [], layout)).toEqual(['nothing is in quarantine'])
    expect(quarantineJson(shards, silent)).toEqual({ shards, silent })
  })

  it('is one list of what several nodes keep, each with the best that any of them knows', () => {
    const first = kept(7n, { items: [{ key: 'a', value: '1' }] })
    const trimmed = kept(7n, { items: [{ key: 'a', value: undefined }], committed: true, remains: true })
    const merged = mergeKept([
      { node: N2, entries: [trimmed, kept(9n)] },
      { node: N1, entries: [first, kept(7n, { epoch: 2n })] },
    ])
    expect(merged.map(({ entry, nodes }) => [entry.entry?.index, entry.entry?.token?.epoch, nodes])).toEqual([
      [7n, 1n, [N2, N1]],
      [7n, 2n, [N1]],
      [9n, 1n, [N2]],
    ])
    expect(merged[0]?.entry).toMatchObject({
      committed: true,
      remains: false,
      entry: { items: [{ key: Buffer.from('a') }] },
    })
  })

  it('is shown key by key, with what may have been acknowledged', () => {
    const long = 'x'.repeat(300)
    const merged = mergeKept([
      {
        node: N1,
        entries: [
          kept(6n),
          kept(7n, {
            items: [
              { key: 'FR/1', value: 'Paris' },
              { key: 'FR/2', value: undefined },
            ],
            committed: true,
          }),
          kept(8n, { remains: true }),
        ],
      },
    ])
    const lines = keptLines(merged, true, layout)
    expect(lines.slice(0, 5).map((line) => line.replace(/ +/g, ' '))).toEqual([
      'index token committed lost to key value',
      ' 6 g4.e1 not known g5 barrier',
      ' 7 g4.e1 yes g5 FR/1 Paris',
      ' 7 g4.e1 yes g5 FR/2 deleted',
      ' 8 g4.e1 not known g5 trimmed',
    ])
    expect(lines.at(-1)).toBe('and more; see --limit')
    const hostile = kept(9n, { items: [{ key: `\u001b${long}`, value: `\u0007${long}` }] })
    for (const line of keptLines(mergeKept([{ node: N1, entries: [hostile] }]), false, layout)) {
      expect(Array.from(line).length, line).toBeLessThanOrEqual(80)
      expect(line).not.toMatch(/\p{C}/u)
    }
    expect(keptJson(shard, merged, true)).toMatchObject({
      shardId: '12.0',
      more: true,
      entries: [
        { index: 6n, items: [], nodes: [N1] },
        {
          token: { generation: 4n, epoch: 1n },
          committed: true,
          items: [
            { key: 'FR/1', value: 'Paris', valueBase64: 'UGFyaXM=' },
            { key: 'FR/2', value: null, valueBase64: null },
          ],
        },
        { remains: true },
      ],
    })
  })
})
