import {
  ERROR_CODES,
  generation,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  operationId,
  rangeId,
  regionId,
} from '@meridian/topology'
import type { RangeDescriptor } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { decodeErrorDetails, encodeErrorDetails, ERROR_TABLE, fromWireRange, toWireRange, WireRange } from './index.ts'

describe('error details', () => {
  it('cross the wire with their code, whatever they hold', () => {
    const error = new MeridianError('NOT_OWNER_REGION', 'ask "eu-west"', {
      details: { owner: 'eu-west', 'ä\n': '\u0000' },
    })
    expect(decodeErrorDetails(encodeErrorDetails(error), error.message)).toMatchObject({
      code: 'NOT_OWNER_REGION',
      message: 'ask "eu-west"',
      details: { owner: 'eu-west', 'ä\n': '\u0000' },
    })
  })

  it('are cut when too large, and passed over when a peer of another make sent them', () => {
    const large = new MeridianError('INTERNAL', 'x', { details: { all: 'y'.repeat(10_000) } })
    expect(encodeErrorDetails(large).length).toBeLessThan(100)
    for (const text of ['', 'no json', '{}', '{"code":7}', '{"code":"NO_SUCH_CODE"}', '[]', 'null']) {
      expect(decodeErrorDetails(Buffer.from(text), 'm')).toBeUndefined()
    }
  })
})

describe('the error table', () => {
  it('has a row for every code, and a sentence in each', () => {
    expect(Object.keys(ERROR_TABLE).toSorted()).toEqual([...ERROR_CODES].toSorted())
    for (const [code, row] of Object.entries(ERROR_TABLE)) expect(row.meaning, code).toMatch(/^[A-Z].*\.$/)
  })
})

describe('ranges on the wire', () => {
  const range: RangeDescriptor = {
    rangeId: rangeId(7),
    keyspace: keyspaceName('cities'),
    start: keyOfBytes(Buffer.from([0, 255])),
    end: keyOfBytes(Buffer.from([1])),
    owner: regionId('us-east'),
    standbys: [regionId('eu-west')],
    generation: generation(2n ** 60n),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('op'),
    stamp: { wallMs: 5, counter: 6, origin: 'a' },
  }

  it('come back as they went', () => {
    expect(fromWireRange(WireRange.decode(WireRange.encode(toWireRange(range)).finish()))).toEqual(range)
  })

  it.each([
    ['status', 'gone'],
    ['owner', 'No Region'],
    ['keyspace', '../etc'],
    ['rangeId', 0],
  ])('are refused with %s = %j', (field, value) => {
    expect(() => fromWireRange({ ...toWireRange(range), [field]: value })).toThrow(MeridianError)
  })
})
