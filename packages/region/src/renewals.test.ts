import { nodeEpoch, nodeId, regionId, zoneId } from '@meridian/topology'
import type { NodeRecord, Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { decodeRenewals, encodeRenewals, renew } from './renewals.ts'

const elect = 12n as Revision

/** `a#3 b#1-` */
function nodes(world: string): NodeRecord[] {
  return world.split(' ').map((text) => {
    const [id = '', rest = '1'] = text.split('#')
    return {
      nodeId: nodeId(id),
      region: regionId('eu'),
      zone: zoneId('z1'),
      address: `${id}.test:7001`,
      capacity: 100,
      nodeEpoch: nodeEpoch(Number.parseInt(rest)),
      status: rest.endsWith('-') ? 'down' : 'up',
      duty: 'serving',
    }
  })
}

const life = (text: string) => ({ nodeId: nodeId(text.charAt(0)), nodeEpoch: nodeEpoch(Number(text.slice(2))) })

describe('renewals (R3)', () => {
  it('raise the counters of those who renewed, and no others', () => {
    const world = nodes('a#3 b#1 c#1')
    const first = renew(undefined, elect, [life('a#3'), life('b#1')], world)
    const second = renew(first, elect, [life('b#1'), life('c#1')], world)
    expect(Buffer.from(encodeRenewals(second)).toString()).toBe(
      '{"elect":"12","nodes":[["a","3","1"],["b","1","2"],["c","1","1"]]}',
    )
    expect(decodeRenewals(encodeRenewals(second))).toEqual(second)
  })

  it('start anew with a new life, and never return to an old one', () => {
    const first = renew(undefined, elect, [life('a#3')], nodes('a#3'))
    const second = renew(first, elect, [life('a#4')], nodes('a#4'))
    expect(second.counts.get(nodeId('a'))).toEqual({ nodeEpoch: 4n, counter: 1n })
    expect(renew(second, elect, [life('a#3')], nodes('a#4')).counts).toEqual(second.counts)
    // The view may be behind the one who registered the new life.
    expect(renew(second, elect, [], nodes('a#3')).counts).toEqual(second.counts)
  })

  it('forget who is down or gone', () => {
    const first = renew(undefined, elect, [life('a#3'), life('b#1')], nodes('a#3 b#1'))
    expect([...renew(first, elect, [], nodes('a#4-')).counts.keys()]).toEqual([])
  })

  it.each(['', '{}', '[]', '{"elect":"1","nodes":[["a","1"]]}', '{"elect":1,"nodes":[]}'])(
    'that were damaged are no renewals: %s',
    (text) => {
      expect(() => decodeRenewals(Buffer.from(text))).toThrow()
    },
  )
})
